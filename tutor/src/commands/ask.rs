//! `ask N`: the phase's key question; the learner's own answer, which is kept; then a model answer to compare it with.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use checks::Phase;
use serde_json::json;

use super::answer;
use crate::Ended;
use crate::cli::AskArgs;
use crate::progress::Progress;
use crate::project::{self, Project, folder_name};
use crate::questions::{self, Question};
use crate::screen::{Paint, prose, terminal};

/// Asks, keeps the answer, and shows the model answer; with nothing said, the answer that was kept last counts.
///
/// # Errors
///
/// The phase has not passed, or the answer cannot be read or kept.
pub fn run(project: &Project, args: &AskArgs, json: bool) -> Result<Ended> {
    let phase = project::phase(args.phase)?;
    if !args.spoil && Progress::load(project)?.of(phase).passed.is_none() {
        bail!("{}", too_early(phase.number));
    }
    let question = questions::of(phase)?;
    let kept = Answer::last(project, phase)?;
    let typed = !args.spoil && io::stdin().is_terminal();
    let said = match (args.spoil, typed) {
        (true, _) => String::new(),
        (false, true) => asked(phase, &question, kept.is_some(), json)?,
        (false, false) => piped()?,
    };
    // What was typed a moment ago stands on the terminal already.
    let on_screen = typed && !said.is_empty();
    let kept = if said.is_empty() { kept } else { Some(Answer::keep(project, phase, said)?) };
    let model = (args.spoil || kept.is_some()).then_some(question.answer.as_str());
    let shown = kept.as_ref().map(|kept| project.shown(&kept.path));
    let value = json!({
        "phase": phase.number, "question": question.question, "answer": kept.as_ref().map(|kept| &kept.text),
        "model": model, "kept": shown,
    });
    let head = if typed { String::new() } else { heading(phase, &question) };
    let own = kept.as_ref().filter(|_| !on_screen).map(|kept| kept.text.as_str());
    answer(json, &value, &(head + &body(phase.number, own, model, shown.as_deref())));
    Ok(Ended::Passed)
}

/// An answer in `.tutor/answers`: a file of its own, `1-socket-2.md` for the second of phase 1, so that none is written over.
struct Answer {
    path: PathBuf,
    text: String,
}

impl Answer {
    /// The one that was kept last.
    fn last(project: &Project, phase: &Phase) -> Result<Option<Self>> {
        let Some(path) = paths(project, phase).take_while(|path| path.is_file()).last() else { return Ok(None) };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(Self { path, text: text.trim().to_owned() }))
    }

    fn keep(project: &Project, phase: &Phase, text: String) -> Result<Self> {
        let path = paths(project, phase).find(|path| !path.exists()).context("no name is free")?;
        fs::create_dir_all(project.state().join(FOLDER))?;
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(file, "{text}")?;
        Ok(Self { path, text })
    }
}

/// Where the first answer is kept, the second, …
fn paths(project: &Project, phase: &Phase) -> impl Iterator<Item = PathBuf> {
    let (folder, name) = (project.state().join(FOLDER), folder_name(phase));
    (1_u32..).map(move |number| folder.join(format!("{name}-{number}.md")))
}

/// Asks at the terminal, and reads up to an empty line or the end of input.
fn asked(phase: &Phase, question: &Question, again: bool, json: bool) -> Result<String> {
    let how = if again { format!("{HOW}. {ENDS} {AGAIN}") } else { format!("{HOW}. {ENDS}") };
    let prompt = format!("{}{}\n", heading(phase, question), prose(&how, 2));
    // Standard output is one document then.
    if json {
        eprint!("{prompt}")
    } else {
        terminal::show(&prompt)
    }
    let mut lines = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line.context("cannot read your answer")?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line);
    }
    Ok(lines.join("\n").trim().to_owned())
}

fn piped() -> Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("cannot read your answer from standard input")?;
    Ok(text.trim().to_owned())
}

fn heading(phase: &Phase, question: &Question) -> String {
    let title = Paint::of_stdout().bold(&format!("Phase {} · {} — the key question", phase.number, phase.title));
    format!("{title}\n\n{}\n", prose(&question.question, 2))
}

fn body(number: u8, own: Option<&str>, model: Option<&str>, kept: Option<&str>) -> String {
    let section = |heading: &str, text: &str| format!("    {}\n{}\n", Paint::of_stdout().bold(heading), prose(text, 6));
    let Some(model) = model else { return prose(&unanswered(number), 4) };
    let own = own.map(|own| section("Your answer", own)).unwrap_or_default();
    let foot = kept.map(|path| format!("    {COMPARE}\n    Yours is kept in {path}\n")).unwrap_or_default();
    (own + &section("A model answer", model) + &foot).trim_end().to_owned() + "\n"
}

fn too_early(number: u8) -> String {
    format!(
        "phase {number} does not pass yet, and its key question is about what you will have built. \
         `cargo tutor phase {number}` says what is next; `cargo tutor ask {number} --spoil` shows the question and a model answer \
         all the same"
    )
}

fn unanswered(number: u8) -> String {
    format!("{HOW}: `cargo tutor ask {number}` at a terminal, or with your text on its standard input. {THEN}")
}

/// Within `.tutor`.
const FOLDER: &str = "answers";
const THEN: &str = "What you say is kept, and then you see a model answer beside it.";
const HOW: &str = "In your own words, in six sentences or so, as for a colleague who joins tomorrow";
const ENDS: &str = "An empty line or Ctrl-D ends it.";
const AGAIN: &str = "Say nothing, and you see what you answered before.";
const COMPARE: &str = "What does it say that yours does not, and what does yours say better?";
