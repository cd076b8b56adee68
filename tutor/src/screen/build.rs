//! The screen after a build that failed: the compiler's own words, and what to do next.

use checks::Phase;

use super::{Paint, WIDTH};

/// Lines of compiler output before the rest is left out: about a screen and a half.
const MOST_LINES: usize = 60;

/// The whole screen; `errors` are the compiler's messages as it rendered them.
pub fn render(phase: &Phase, errors: &[String], paint: Paint) -> String {
    let (number, count) = (phase.number, errors.len());
    let title = paint.bold(&format!("Phase {number} · {}", phase.title));
    let said = match count {
        0 | 1 => String::from("it does not compile yet"),
        _ => format!("it does not compile yet: {count} errors, the first ones here"),
    };
    let (shown, hidden) = cut_lines(errors);
    let more = if hidden > 0 {
        format!("  … {hidden} more lines: cargo build -p phase-{number}-{}\n\n", phase.name)
    } else {
        String::new()
    };
    let rule = paint.dim(&"─".repeat(WIDTH));
    format!(
        "{title}\n  {} {said}\n\n{rule}\n{shown}\n{rule}\n\n{more}    {NEXT} cargo tutor phase {number}\n",
        paint.red("✗")
    )
}

fn cut_lines(errors: &[String]) -> (String, usize) {
    let all = errors.iter().map(|error| error.trim_end()).collect::<Vec<_>>().join("\n\n");
    let count = all.lines().count();
    let shown = all.lines().take(MOST_LINES).collect::<Vec<_>>().join("\n");
    (shown, count.saturating_sub(MOST_LINES))
}

const NEXT: &str = "Mend the first error, then again:";
