# Each recipe is one line of `cargo tutor …`; without just, type that line. `cargo tutor --help` tells the options.

# Say what to do next.
default:
    @cargo tutor

# Build a phase and run its checks: just phase 1, just phase 1 --reference --repeat 20
phase number *options:
    @cargo tutor phase {{ number }} {{ options }}

# Run a phase's checks at each save.
watch number:
    @cargo tutor watch {{ number }}

# Show the next rung of the hints for the last failure.
hint number:
    @cargo tutor hint {{ number }}

# List the phases: mine, pristine, borrowed, passed.
list:
    @cargo tutor list

# Compare your code with the reference, step by step; after green.
compare number *options:
    @cargo tutor compare {{ number }} {{ options }}

# Answer a phase's key question, then see a model answer; after green.
ask number *options:
    @cargo tutor ask {{ number }} {{ options }}

# Measure your code and the reference side by side; after green.
debrief number *options:
    @cargo tutor debrief {{ number }} {{ options }}

# Start a phase over; keeps a copy of what is there.
reset number:
    @cargo tutor reset {{ number }}

# Build later phases on the reference of this one.
borrow number:
    @cargo tutor borrow {{ number }}

# Build later phases on your own code again.
return number:
    @cargo tutor return {{ number }}

# Talk through a node at the terminal: just chat alice
chat name *options:
    @cargo tutor chat {{ name }} {{ options }}

# Play with a cluster, from phase 4 on: just play 5; then kill n2, start n2, cut n1 n2, heal n1 n2
play number *options:
    @cargo tutor play {{ number }} {{ options }}

# Run a Kafka broker: just kafka; then, elsewhere, just kafka send alice '{"hi":1}', tail, topics, down, up
[positional-arguments]
kafka *options:
    @cargo tutor kafka "$@"

# Measure: just bench idle, echo, route, route --nodes 2, kafka, crowd, gossip or snapshot; just bench save for the wait until a verdict
bench name *options:
    @cargo tutor bench {{ name }} {{ options }}

# Do to a phase's reference, for minutes, what it has to stand, and account for every message: just soak 3 --mock, just soak 5 --minutes 1
soak number *options:
    @cargo tutor soak {{ number }} {{ options }}

# For contributors: let clients that no one here wrote talk to the references.
clients *options:
    @cargo tutor clients {{ options }}

# For contributors: prove that the course teaches.
verify *options:
    @cargo tutor verify {{ options }}

# For contributors: cut starters and listings out of the references.
generate *options:
    @cargo tutor generate {{ options }}

# For contributors: install what `just test` needs.
setup:
    @cargo tutor setup

# For contributors: everything that has to hold before a change is merged.
test:
    @cargo tutor test
