//! The examples on the book's page about the wire, each run against a node of its own.
//!
//! `ROUTER_REFERENCE_2=path/to/binary cargo test -p checks` tests any other binary that speaks the wire contract.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use checks::harness::{Answer, Client, Node, PATIENCE, Peer, Seen, World};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

/// The latest phase on the page.
const PHASE: (u8, &str) = (5, "directory");
const BINARY_FRAME: &[u8] = b"\x00\x01";
/// What `"…name"` has stood for in this example so far.
type Names = BTreeMap<String, Value>;

const MARKER: &str = r#"{"type":"ping","ref":"nothing-else"}"#;
/// A node without unwilling clients is gone at once.
const EXIT_WITHIN: Duration = Duration::from_secs(2);
/// Between two looks at what a GET answers.
const PAUSE: Duration = Duration::from_millis(2);

#[tokio::test(flavor = "multi_thread")]
async fn every_example_holds() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src/wire.md"))
        .expect("the page is in the book");
    let (binary, examples) = (common::reference(PHASE.0, PHASE.1), examples(&page));
    assert!(examples.len() >= 10, "only {} examples: is the fence still called `wire`?", examples.len());
    let runs: Vec<_> = examples
        .into_iter()
        .map(|example| {
            let binary = binary.clone();
            tokio::spawn(async move { run(&binary, &example).await })
        })
        .collect();
    let mut wrong = Vec::new();
    for run in runs {
        wrong.extend(run.await.expect("an example does not panic").err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn dots_fit_what_they_should() {
    let fit = |wanted: &str, seen: &str| fits(&json(wanted), &json(seen), &mut Names::new());
    assert!(fit(r#"{"a":"…","b":[1]}"#, r#"{"b":[1],"a":{"c":2}}"#));
    assert!(fit(r#"{"a":1,"…":"…"}"#, r#"{"a":1,"b":2}"#));
    assert!(!fit(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
    assert!(!fit(r#"{"a":"…"}"#, r#"{"b":1}"#));
    assert!(!fit(r#"["…"]"#, r#"[]"#));
    assert!(fit(r#"["…a","…b","…a"]"#, r#"["1","2","1"]"#));
    assert!(!fit(r#"["…a","…b","…a"]"#, r#"["1","2","3"]"#));
}

/// A line of an example, and where it stands on the page.
#[derive(Debug, Clone)]
struct Line {
    number: usize,
    text: String,
}

fn examples(page: &str) -> Vec<Vec<Line>> {
    let (mut examples, mut open): (Vec<Vec<Line>>, bool) = (Vec::new(), false);
    for (index, text) in page.lines().enumerate() {
        match text {
            "```wire" => {
                examples.push(Vec::new());
                open = true;
            }
            "```" => open = false,
            _ if open && !text.starts_with('#') => {
                let line = Line { number: index + 1, text: text.to_owned() };
                examples.last_mut().expect("a fence has opened").push(line);
            }
            _ => {}
        }
    }
    examples
}

async fn run(binary: &Path, lines: &[Line]) -> Result<(), String> {
    let flags: Vec<&str> = lines[0].text.strip_prefix("$ ").map(|flags| flags.split(' ').collect()).unwrap_or_default();
    let world = World::new(binary, 1);
    let node = world
        .node(&[&["--node", "n1", "--cookie", "secret"], &flags[..]].concat())
        .await
        .map_err(|why| format!("{why:?}"))?;
    let mut example = Example { node, clients: BTreeMap::new(), asked: None, answer: None, names: Names::new() };
    let mut result = Ok(());
    for line in lines.iter().filter(|line| !line.text.starts_with("$ ")) {
        let held = example.line(&line.text).await;
        result = held.map_err(|why| format!("wire.md:{}: {}\n    {why}", line.number, line.text));
        if result.is_err() {
            break;
        }
    }
    drop(example);
    world.end().await;
    result
}

struct Example {
    node: Node,
    clients: BTreeMap<String, Client>,
    asked: Option<Request>,
    answer: Option<Answer>,
    names: Names,
}

impl Example {
    async fn line(&mut self, line: &str) -> Result<(), String> {
        let at = line.find(['>', '<']).ok_or("a line has > or <")?;
        let (name, what) = (&line[..at], line[at + 1..].trim_start());
        match (&line[at..=at], name) {
            (">", "") if what == "(SIGTERM)" => self.node.terminate(),
            ("<", "") if what == "(exit 0)" => return self.exits().await,
            (">", "") if Request::begins(what) => return self.ask(what).await,
            ("<", "") if what.starts_with(|c: char| c.is_ascii_digit()) => return self.answered(what).await,
            (">", _) => self.send(name, what).await?,
            _ => self.receive(name, what).await?,
        }
        Ok(())
    }

    async fn exits(&mut self) -> Result<(), String> {
        // They have heard what they were to hear, and a node waits a while for those that stay.
        self.clients.clear();
        self.node.exits(EXIT_WITHIN).await.map_err(|why| format!("{why:?}"))
    }

    async fn client(&mut self, name: &str) -> Result<&mut Client, String> {
        if !self.clients.contains_key(name) {
            let client = self.node.connect(name).await.map_err(|why| format!("{why:?}"))?;
            self.clients.insert(name.to_owned(), client);
        }
        Ok(self.clients.get_mut(name).expect("it is there by now"))
    }

    async fn send(&mut self, name: &str, what: &str) -> Result<(), String> {
        let client = self.client(name).await?;
        let sent = match action(what) {
            None => client.send_text(what).await,
            Some(("connect", _)) => Ok(()),
            Some(("binary", _)) => client.send_binary(BINARY_FRAME).await,
            Some(("close", code)) => client.close(code.parse().map_err(|_| "a close code is a number")?).await,
            Some((other, _)) => return Err(format!("a client does not know ({other})")),
        };
        sent.map_err(|why| format!("{why:?}"))
    }

    async fn receive(&mut self, name: &str, what: &str) -> Result<(), String> {
        let client = self.clients.get_mut(name).ok_or("this client has not connected")?;
        match action(what) {
            None => {}
            Some(("close", code)) => {
                let seen = next(client).await?;
                return match seen {
                    Seen::Close(Some(seen)) if seen.to_string() == code => Ok(()),
                    other => Err(format!("came: {other}")),
                };
            }
            // A node answers in order, so whatever it had said before comes before this pong.
            Some(("nothing", _)) => {
                client.send_text(MARKER).await.map_err(|why| format!("{why:?}"))?;
                return expect(client, &json(r#"{"type":"pong","ref":"nothing-else"}"#), &mut self.names).await;
            }
            Some((other, _)) => return Err(format!("a node does not know ({other})")),
        }
        let wanted = serde_json::from_str(what).map_err(|why| format!("this is no JSON: {why}"))?;
        expect(client, &wanted, &mut self.names).await
    }

    async fn ask(&mut self, what: &str) -> Result<(), String> {
        let request = Request::parse(what)?;
        self.answer = Some(request.send(&self.node).await?);
        self.asked = Some(request);
        Ok(())
    }

    async fn answered(&mut self, what: &str) -> Result<(), String> {
        let (status, body) = what.split_once(' ').unwrap_or((what, ""));
        let body: Option<Value> = (!body.is_empty()).then(|| json(body));
        let request = self.asked.take().ok_or("nothing has been asked")?;
        let mut answer = self.answer.take().ok_or("nothing has been asked")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A try that does not fit must not leave its names behind.
            let mut names = self.names.clone();
            let right = body.as_ref().is_none_or(|body| fits(body, &answer.body, &mut names));
            if right && answer.status.to_string() == status {
                self.names = names;
                return Ok(());
            }
            if request.method != "GET" || Instant::now() >= deadline {
                return Err(format!("came: {} {}", answer.status, answer.body));
            }
            sleep(PAUSE).await;
            answer = request.send(&self.node).await?;
        }
    }
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn begins(what: &str) -> bool {
        ["GET /", "POST /"].iter().any(|method| what.starts_with(method))
    }

    fn parse(what: &str) -> Result<Self, String> {
        let (method, rest) = what.split_once(' ').ok_or("METHOD /path")?;
        let (path, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut headers = Vec::new();
        while let Some((header, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            // Else it is a body that is an array.
            let Some((name, value)) = header.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
            rest = after.trim_start();
        }
        Ok(Self { method: method.into(), path: path.into(), headers, body: rest.to_owned() })
    }

    async fn send(&self, node: &Node) -> Result<Answer, String> {
        let listener = if self.path == "/ws" { node.public() } else { node.admin().clone() };
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = listener.with_headers(&self.method, &self.path, &headers, self.body.clone()).await;
        answer.map_err(|why| format!("{why:?}"))
    }
}

/// `(close 4000)` as `close` and `4000`.
fn action(what: &str) -> Option<(&str, &str)> {
    let inside = what.strip_prefix('(')?.strip_suffix(')')?;
    Some(inside.split_once(' ').unwrap_or((inside, "")))
}

async fn next(client: &mut Client) -> Result<Seen, String> {
    loop {
        match timeout(PATIENCE, client.next()).await {
            Ok(Seen::Ping(_)) => {}
            Ok(seen) => return Ok(seen),
            Err(_) => return Err("nothing came".to_owned()),
        }
    }
}

async fn expect(client: &mut Client, wanted: &Value, names: &mut Names) -> Result<(), String> {
    match next(client).await? {
        Seen::Text(text) if serde_json::from_str(&text).is_ok_and(|seen| fits(wanted, &seen, names)) => Ok(()),
        Seen::Text(text) => Err(format!("came: {text}")),
        other => Err(format!("came: {other}")),
    }
}

/// Whether `seen` is `wanted`, where `"…"` fits anything, `"…name"` the same each time, and a member of that name any others.
fn fits(wanted: &Value, seen: &Value, names: &mut Names) -> bool {
    match (wanted, seen) {
        (Value::String(dots), _) if dots == "…" => true,
        (Value::String(dots), _) if dots.starts_with('…') => {
            names.entry(dots.clone()).or_insert(seen.clone()) == seen
        }
        (Value::Array(wanted), Value::Array(seen)) => {
            wanted.len() == seen.len() && wanted.iter().zip(seen).all(|(wanted, seen)| fits(wanted, seen, names))
        }
        (Value::Object(wanted), Value::Object(seen)) => {
            let named = || wanted.iter().filter(|(name, _)| *name != "…");
            let complete = wanted.contains_key("…") || named().count() == seen.len();
            complete && named().all(|(name, wanted)| seen.get(name).is_some_and(|seen| fits(wanted, seen, names)))
        }
        _ => wanted == seen,
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{text} is no JSON: {why}"))
}
