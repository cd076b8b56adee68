//! `compare N`: step by step, what has to hold, how the reference keeps it, and your own lines beside it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use checks::Phase;
use serde::Serialize;
use serde_json::json;

use super::answer;
use crate::Ended;
use crate::cli::CompareArgs;
use crate::generator::cut::{Cut, render};
use crate::generator::folder;
use crate::generator::marks::{Piece, each_region};
use crate::hints::{Hints, StepNote};
use crate::progress::Progress;
use crate::project::{self, Project, folder_name};
use crate::screen::{Paint, WIDTH, columns, cut, prose};
use item::Item;

pub mod code;
pub mod item;

/// Shows the comparison once the phase has passed, or with `--spoil`.
///
/// # Errors
///
/// The phase has not passed, or the reference cannot be read.
pub fn run(project: &Project, args: &CompareArgs, json: bool) -> Result<Ended> {
    let phase = project::phase(args.phase)?;
    if !args.spoil && Progress::load(project)?.of(phase).passed.is_none() {
        bail!("{}", too_early(phase.number));
    }
    let hints = Hints::of(phase)?;
    let sources = folder::sources(&project.reference(phase), phase)?;
    let learner = project.learner(phase);
    let named: Vec<_> = phase
        .steps
        .iter()
        .zip(1..)
        .map(|(step, number)| (step, number, format!("{}.{number}", phase.number)))
        .collect();
    if let Some(wanted) = &args.step {
        let names: Vec<_> = named.iter().map(|(.., name)| name.as_str()).collect();
        ensure!(names.contains(&wanted.as_str()), "there is no step {wanted}, but {}", names.join(", "));
    }
    let steps: Vec<_> = named
        .into_iter()
        .filter(|(.., name)| args.step.as_ref().is_none_or(|wanted| wanted == name))
        .map(|(step, number, name)| {
            let note = hints.own().steps.iter().find(|note| note.step == name);
            Compared {
                title: step.title,
                invariant: note.map(|note| note.invariant.clone()).unwrap_or_default(),
                why: note.map(|note: &StepNote| note.why.clone()).unwrap_or_default(),
                places: places(&sources, number, &learner),
                step: name,
            }
        })
        .collect();
    let (paint, mut shown) = (Paint::of_stdout(), BTreeMap::new());
    let mut screen = steps.iter().map(|step| step.screen(phase, &mut shown, paint)).collect::<String>();
    if steps.len() > 1 {
        screen += &prose(&one_step(phase), 2);
    }
    answer(json, &json!({ "phase": phase.number, "steps": steps }), &screen);
    Ok(Ended::Passed)
}

#[derive(Serialize)]
struct Compared {
    step: String,
    title: &'static str,
    invariant: String,
    why: String,
    places: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    file: String,
    item: String,
    reference: String,
    yours: Option<String>,
    /// Up to white space and comments.
    same: bool,
}

/// The items that the step changes, whole, as they stand in the end: the reference's and the learner's own.
fn places(sources: &[(PathBuf, Vec<Piece>)], step: u8, learner: &Path) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    for (path, pieces) in sources {
        let (listing, full) = (full_listing(pieces), without_tests(&render(pieces, Cut::Full)));
        let mine = without_tests(&fs::read_to_string(learner.join(path)).unwrap_or_default());
        let mine = without(&mine, &todo_comments(pieces));
        each_region(pieces, &mut |region| {
            // What is not needed before its step has an earlier head, which says so.
            let last = region.befores.last().map_or(region.step, |body| body.step.max(region.step));
            if last != step {
                return;
            }
            for item in Item::around(&listing, &region.name) {
                let (file, name) = (path.display().to_string(), item.name());
                if found.iter().any(|place| place.file == file && place.item == name) {
                    continue;
                }
                let (Some(reference), yours) = (item.find_in(&full), item.find_in(&mine)) else { continue };
                let same = yours.as_ref().is_some_and(|yours| code::bare(yours) == code::bare(&reference));
                found.push(Place { file, item: name, reference, yours, same });
            }
        });
    }
    found
}

/// The comments that tell what is to be done, without their indentation: where it is done, they say nothing any more.
fn todo_comments(pieces: &[Piece]) -> BTreeSet<String> {
    let mut comments = BTreeSet::new();
    each_region(pieces, &mut |region| comments.extend(region.hints(0)));
    comments
}

/// A file up to its own tests, which prove no step.
fn without_tests(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]\nmod ").map_or(text.len(), |at| at + 1);
    format!("{}\n", text[..end].trim_end())
}

fn without(text: &str, lines: &BTreeSet<String>) -> String {
    text.lines().filter(|line| !lines.contains(line.trim())).map(|line| format!("{line}\n")).collect()
}

/// The reference's code with its anchors, so that a region can be found among its items.
fn full_listing(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Line(line) | Piece::Anchor(line) => out += &format!("{line}\n"),
            Piece::Region(region) => {
                out += &format!("{0}// ANCHOR: {1}\n", region.indent, region.name);
                out += &full_listing(&region.pieces);
                out += &format!("{0}// ANCHOR_END: {1}\n", region.indent, region.name);
            }
        }
    }
    out
}

impl Compared {
    /// `shown` says in which step an item was shown: once is enough.
    fn screen(&self, phase: &Phase, shown: &mut BTreeMap<(String, String), String>, paint: Paint) -> String {
        let mut elsewhere: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let title = format!("Step {} of {} · {}", self.step, phase.steps.len(), self.title);
        let mut out = format!("{}\n", paint.bold(&title));
        if !self.invariant.is_empty() {
            out += &prose(&format!("Invariant: {}", self.invariant), 2);
        }
        if !self.why.is_empty() {
            out += &format!("\n{}", prose(&self.why, 2));
        }
        if self.places.is_empty() {
            out += &format!("\n  {REPLACED}\n");
        }
        for place in &self.places {
            if place.yours.is_none() {
                elsewhere.entry(&place.file).or_default().push(&place.item);
                continue;
            }
            out += "\n";
            match shown.entry((place.file.clone(), place.item.clone())) {
                Entry::Occupied(step) => out += &prose(&place.above(step.get()), 2),
                Entry::Vacant(entry) => {
                    entry.insert(self.step.clone());
                    out += &place.screen(paint);
                }
            }
        }
        for (file, items) in elsewhere {
            let items: Vec<_> = items.iter().map(|item| format!("`{item}`")).collect();
            out += &format!("\n{}", prose(&only_there(phase, file, &items), 2));
        }
        out + "\n"
    }
}

impl Place {
    fn screen(&self, paint: Paint) -> String {
        let head = |who: &str| {
            let text = cut(&format!("── {who} · {} · {} ", self.file, self.item), WIDTH);
            paint.dim(&format!("{text}{}", "─".repeat(WIDTH - columns(&text))))
        };
        let reference = code::wrapped(&self.reference);
        if self.same {
            return format!("{}\n{reference}", head("both the same"));
        }
        let yours = code::wrapped(self.yours.as_deref().unwrap_or_default());
        format!("{}\n{reference}{}\n{yours}", head("the reference"), head("yours"))
    }

    fn above(&self, step: &str) -> String {
        let same = if self.same { ": the same on both sides" } else { "" };
        format!("`{}` in {}: above, under step {step}{same}.", self.item, self.file)
    }
}

fn too_early(number: u8) -> String {
    format!(
        "phase {number} does not pass yet, and whoever has seen the answer cannot find it any more. \
         `cargo tutor hint {number}` helps without telling; `cargo tutor compare {number} --spoil` shows it all the same"
    )
}

fn only_there(phase: &Phase, file: &str, items: &[String]) -> String {
    let folder = folder_name(phase);
    format!("Only in `solutions/{folder}/{file}`, and nothing of these names in your file: {}.", items.join(", "))
}

fn one_step(phase: &Phase) -> String {
    let number = phase.number;
    format!("`cargo tutor compare {number} --step {number}.1` shows that step only.")
}

const REPLACED: &str = "What stood here is replaced by a later step.";
