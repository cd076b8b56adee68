//! `debrief N`: the learner's binary and the reference's, measured side by side. Nothing here passes or fails.

use std::path::PathBuf;

use anyhow::{Error, Result, anyhow, bail};
use checks::measure::{self, Figures, NotMeasured};
use checks::{Failure, Measure, Phase};
use serde_json::{Value, json};

use super::{answer, phase};
use crate::Ended;
use crate::broker;
use crate::cli::DebriefArgs;
use crate::cli::Which;
use crate::progress::Progress;
use crate::project::{self, Project};
use crate::screen::{Paint, WIDTH, columns, prose, wrap};

/// Enough for a median that one busy moment does not move.
const ROUNDS: u32 = 5;
/// A smaller ratio than this says nothing about the code.
const LARGE: f64 = 1.5;
/// The width of the first column; the others follow it.
const TITLE: usize = 37;

/// Builds both, measures both in turn, and shows the figures beside each other.
///
/// # Errors
///
/// The phase has not passed, something does not build, or a node does not do what is measured.
pub fn run(project: &Project, args: &DebriefArgs, json: bool) -> Result<Ended> {
    let phase = project::phase(args.phase)?;
    if Progress::load(project)?.of(phase).passed.is_none() {
        bail!("{}", too_early(phase.number));
    }
    let build = |reference: bool| -> Result<PathBuf> {
        let code = phase::Code { reference, release: args.release };
        phase::build_code(project, phase, code, json)?.binary()
    };
    let (yours, reference) = (build(false)?, build(true)?);
    let figures = measure::run(
        phase.measures,
        [&yours, &reference],
        ROUNDS,
        broker::brokers(project, phase, &Which::default())?.as_ref(),
    );
    let figures = figures.map_err(|failed| no_figure(phase, failed))?;
    let rows: Vec<_> =
        phase.measures.iter().zip(figures).map(|(measure, figures)| Row::new(measure, figures)).collect();
    let profile = if args.release { "release" } else { "dev" };
    let measures: Vec<_> = rows.iter().map(Row::as_json).collect();
    let value = json!({ "phase": phase.number, "profile": profile, "rounds": ROUNDS, "measures": measures });
    answer(json, &value, &screen(phase, &rows, args.release, Paint::of_stdout()));
    Ok(Ended::Passed)
}

struct Row {
    measure: &'static Measure,
    yours: Figures,
    reference: Figures,
}

/// What a row says about the code.
#[derive(Debug, PartialEq, Eq)]
enum Says {
    /// Nothing that this machine could show.
    Nothing,
    /// Nothing, since the rounds are further apart than the two programs.
    RoundsDisagree,
    /// It costs more than the reference, and has its reasons.
    Dearer,
}

impl Row {
    fn new(measure: &'static Measure, [yours, reference]: [Figures; 2]) -> Self {
        Self { measure, yours, reference }
    }

    fn ratio(&self) -> Option<f64> {
        self.measure.better.ratio(self.yours.median(), self.reference.median())
    }

    fn says(&self) -> Says {
        let Some(ratio) = self.ratio() else { return Says::Nothing };
        let either_way = ratio.max(1.0 / ratio);
        let apart = |figures: &Figures| figures.spread().is_none_or(|spread| spread > either_way.max(LARGE));
        // Where the two programs' rounds overlap, a median of others might have said the opposite.
        let ((least, most), (other_least, other_most)) = (self.yours.range(), self.reference.range());
        let overlap = least <= other_most && other_least <= most;
        if apart(&self.yours) || apart(&self.reference) || (either_way >= LARGE && overlap) {
            Says::RoundsDisagree
        } else if ratio >= LARGE {
            Says::Dearer
        } else {
            Says::Nothing
        }
    }

    fn line(&self) -> String {
        let (title, unit) = (self.measure.title, self.measure.unit);
        // Rounds that disagree give a figure each, and no ratio.
        let ratio = self.ratio().filter(|_| self.says() != Says::RoundsDisagree);
        let ratio = ratio.map_or_else(|| String::from("–"), |ratio| format!("{ratio:.2}"));
        let (yours, reference) = (shown(self.yours.median(), unit), shown(self.reference.median(), unit));
        format!("  {title:<TITLE$}{yours:>14}{reference:>14}{ratio:>8}\n")
    }

    /// How far the rounds are apart, and what that means.
    fn rounds(&self) -> String {
        let range = |figures: &Figures| {
            let (least, most) = figures.range();
            format!("{} to {}", digits(least), digits(most))
        };
        let ranges = format!("    rounds: yours {}, reference {}\n", range(&self.yours), range(&self.reference));
        if self.says() == Says::RoundsDisagree { ranges + &format!("    {DISAGREE}\n") } else { ranges }
    }

    fn as_json(&self) -> Value {
        let Measure { id, title, unit, .. } = self.measure;
        json!({
            "measure": id, "title": title, "unit": unit, "yours": self.yours.median(), "reference": self.reference.median(),
            "ratio": self.ratio(), "yours_range": self.yours.range(), "reference_range": self.reference.range(),
            "rounds_disagree": self.says() == Says::RoundsDisagree,
        })
    }
}

fn screen(phase: &Phase, rows: &[Row], release: bool, paint: Paint) -> String {
    let title = format!("Phase {} · {} — your numbers", phase.number, phase.title);
    let mut out = format!("{}\n\n", paint.bold(&title));
    out += &format!("{}\n", paint.dim(&format!("  {:<TITLE$}{:>14}{:>14}{:>8}", "", "yours", "reference", "ratio")));
    for row in rows {
        out += &(row.line() + &paint.dim(&row.rounds()));
    }
    out += &format!("\n{}", prose(HOW_TO_READ, 4));
    let mut dearer = rows.iter().filter(|row| row.says() == Says::Dearer).peekable();
    if dearer.peek().is_some() {
        out += &format!("\n    {}\n", paint.bold(WHAT_IT_HINTS_AT));
    }
    for row in dearer {
        let text = format!("{}: {}", row.measure.title, row.measure.hint);
        out += &format!("      - {}\n", wrap(&text, WIDTH - 8).join("\n        "));
    }
    let profile = if release { RELEASE.to_owned() } else { dev(phase.number) };
    out + "\n" + &prose(&profile, 4)
}

/// A figure with its unit.
fn shown(figure: f64, unit: &str) -> String {
    let digits = digits(figure);
    if unit.starts_with('/') { format!("{digits}{unit}") } else { format!("{digits} {unit}") }
}

/// Thousands apart, and no more digits than say something.
fn digits(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    match columns(&digits) {
        1 | 2 => format!("{figure:.1}"),
        _ => thousands(&digits),
    }
}

fn thousands(digits: &str) -> String {
    let length = digits.len();
    let comma = |at: usize| at > 0 && (length - at).is_multiple_of(3);
    digits.chars().enumerate().fold(String::new(), |out, (at, digit)| {
        let out = if comma(at) { out + "," } else { out };
        out + &digit.to_string()
    })
}

fn no_figure(phase: &Phase, failed: NotMeasured) -> Error {
    let whose = if failed.subject == 0 { "your node" } else { "the reference" };
    let title = failed.measure.title;
    match failed.failure {
        Failure::Skipped { why } => anyhow!("cannot measure `{title}` here: {why}"),
        Failure::Failed { expected, .. } => anyhow!(
            "{whose} did not get through `{title}`, where {expected} was expected. `cargo tutor phase {}` says more",
            phase.number
        ),
    }
}

fn too_early(number: u8) -> String {
    format!(
        "phase {number} does not pass yet, and numbers of code that does not do the same thing cannot be compared. \
         `cargo tutor phase {number}` says what is next"
    )
}

fn dev(number: u8) -> String {
    format!(
        "Both in the dev profile, without optimisations: good for the ratio, and for nothing else. `cargo tutor debrief {number} \
         --release` builds both with them, which takes minutes."
    )
}

const RELEASE: &str = "Both in the release profile.";
const HOW_TO_READ: &str = "Medians of five rounds on this machine, which also runs the clients. A ratio above 1 says that yours costs so \
    many times as much. What is below 1.5 is mostly the machine's mood.";
const DISAGREE: &str = "these rounds disagree: measure again on a quiet machine";
const WHAT_IT_HINTS_AT: &str = "What a large ratio hints at";

#[cfg(test)]
mod tests {
    use checks::PHASES;

    use checks::measure::Figures;

    use super::{DISAGREE, Paint, Row, Says, WHAT_IT_HINTS_AT, WIDTH, columns, screen, shown};

    /// The first measure of phase 1, of which less is better.
    fn row(yours: [f64; 3], reference: [f64; 3]) -> Row {
        let figures = |rounds: [f64; 3]| Figures::new(rounds.to_vec()).expect("there are rounds");
        Row::new(&PHASES[0].measures[0], [figures(yours), figures(reference)])
    }

    #[test]
    fn a_cause_is_given_only_for_what_the_rounds_agree_on() {
        assert_eq!(row([100.0, 110.0, 120.0], [90.0, 100.0, 110.0]).says(), Says::Nothing);
        assert_eq!(row([200.0, 210.0, 220.0], [90.0, 100.0, 110.0]).says(), Says::Dearer);
        assert_eq!(row([90.0, 100.0, 110.0], [200.0, 210.0, 220.0]).says(), Says::Nothing, "it is the cheaper one");
        assert_eq!(
            row([80.0, 150.0, 190.0], [90.0, 100.0, 110.0]).says(),
            Says::RoundsDisagree,
            "further than the ratio"
        );
        assert_eq!(row([110.0, 155.0, 160.0], [90.0, 100.0, 120.0]).says(), Says::RoundsDisagree, "they overlap");
        assert_eq!(row([90.0, 100.0, 120.0], [110.0, 155.0, 160.0]).says(), Says::RoundsDisagree, "so they do");
        let paint = Paint { colour: false };
        let said = |row| screen(PHASES[0], &[row], false, paint);
        let moody = said(row([80.0, 150.0, 190.0], [90.0, 100.0, 110.0]));
        assert!(moody.contains(DISAGREE) && !moody.contains(WHAT_IT_HINTS_AT), "{moody}");
        assert!(moody.contains('–') && !moody.contains("1.50"), "{moody}");
        let dear = said(row([200.0, 210.0, 220.0], [90.0, 100.0, 110.0]));
        assert!(!dear.contains(DISAGREE) && dear.contains(WHAT_IT_HINTS_AT), "{dear}");
    }

    #[test]
    fn figures_have_as_many_digits_as_say_something() {
        assert_eq!(shown(14.25, "KiB"), "14.2 KiB");
        assert_eq!(shown(9.96, "KiB"), "10.0 KiB");
        assert_eq!(shown(131.7, "µs"), "132 µs");
        assert_eq!(shown(1_234_567.0, "/s"), "1,234,567/s");
        assert_eq!(shown(-3.0, "KiB"), "-3.0 KiB");
    }

    #[test]
    fn the_widest_figures_fit() {
        for phase in PHASES {
            let figures = |figure| Figures::new(vec![figure]).expect("there is a round");
            let widest = || [figures(9_999_999.0), figures(1_000_000.0)];
            let rows: Vec<_> = phase.measures.iter().map(|measure| Row::new(measure, widest())).collect();
            let screen = screen(phase, &rows, false, Paint { colour: false });
            let widest = screen.lines().max_by_key(|line| columns(line)).unwrap_or_default();
            assert!(columns(widest) <= WIDTH, "{widest}");
        }
    }
}
