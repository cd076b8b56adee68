# guard.sh FOLDER COMMAND…: runs the command until standard input ends, then kills it and removes the folder.
#
# It is in a process group of its own and does nothing but wait, so the command ends and the folder goes however the broker
# does, by SIGKILL too: the other end of standard input is the broker's alone. A line `keep` leaves the folder for another run.
# It ends as the command did.
folder=$1
shift
"$@" &
command=$!
# Now the broker sees from the end of the command's output that it has ended.
exec >/dev/null 2>&1
read -r word
kill -9 "$command"
wait "$command"
status=$?
[ "$word" = keep ] || rm -rf "$folder"
exit "$status"
