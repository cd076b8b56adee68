//! `compare N`: step by step, what has to hold, how the reference keeps it, and your own lines beside it.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
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
use crate::project::{self, Project};
use crate::screen::{Paint, WIDTH, prose};
use item::Item;

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
    let steps: Vec<_> = phase
        .steps
        .iter()
        .zip(1..)
        .map(|(step, number)| {
            let name = format!("{}.{number}", phase.number);
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
    let screen = steps.iter().map(|step| step.screen(phase)).collect::<String>();
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
}

/// Each region of the step, with the learner's item of the same name.
fn places(sources: &[(std::path::PathBuf, Vec<Piece>)], step: u8, learner: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    for (path, pieces) in sources {
        let listing = full_listing(pieces);
        let mine = fs::read_to_string(learner.join(path)).unwrap_or_default();
        each_region(pieces, &mut |region| {
            let changes_here = region.befores.last().map_or(region.step, |body| body.step) == step;
            if !changes_here {
                return;
            }
            let item = Item::around(&listing, &region.name).unwrap_or_default();
            found.push(Place {
                file: path.display().to_string(),
                item: item.name(),
                reference: render(&region.pieces, Cut::Full),
                yours: item.find_in(&mine),
            });
        });
    }
    found
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
    fn screen(&self, phase: &Phase) -> String {
        let paint = Paint::of_stdout();
        let mut out =
            format!("{}\n", paint.bold(&format!("Step {} of {} · {}", self.step, phase.steps.len(), self.title)));
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
            out += &format!("\n{}\n", place.screen(paint));
        }
        out + "\n"
    }
}

impl Place {
    fn screen(&self, paint: Paint) -> String {
        let head = |who: &str| {
            let text = format!("── {who} · {} · {} ", self.file, self.item);
            paint.dim(&format!("{text}{}", "─".repeat(WIDTH.saturating_sub(text.chars().count()))))
        };
        let yours = self.yours.clone().unwrap_or_else(|| NOT_FOUND.to_owned());
        format!("{}\n{}\n{}\n{}", head("the reference"), self.reference.trim_end(), head("yours"), yours.trim_end())
    }
}

fn too_early(number: u8) -> String {
    format!(
        "phase {number} does not pass yet, and whoever has seen the answer cannot find it any more. \
         `cargo tutor hint {number}` helps without telling; `cargo tutor compare {number} --spoil` shows it all the same"
    )
}

const REPLACED: &str = "What stood here is replaced by a later step.";
const NOT_FOUND: &str = "    (nothing of this name in your file: you have solved it elsewhere)";
