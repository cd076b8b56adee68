//! Panics: a `todo!("step …")` ends the process, every other panic is logged and stays in its task.

use std::panic::PanicHookInfo;

/// The process's status when it has run into a `todo!("step …")`.
const REACHED_TODO: i32 = 70;

/// Installs the hook. A `todo!` in a spawned task would otherwise be swallowed by the runtime, and the check that ran into it
/// would only see that nothing arrives.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let (message, location) = (message(info), location(info));
        if let Some((step, text)) = unwritten_step(&message) {
            eprintln!("todo step={step} at={location} text={text}");
            std::process::exit(REACHED_TODO);
        }
        eprintln!("panic at={location} message={message}");
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    info.payload_as_str().unwrap_or("(no text)").replace('\n', " ")
}

fn location(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(|| "unknown".into(), ToString::to_string)
}

/// What stands in `todo!("step 1.4: text")`: the step and the text.
fn unwritten_step(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix("not yet implemented: step ")?;
    Some(rest.split_once(": ").unwrap_or((rest, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_is_an_unwritten_step() {
        assert_eq!(unwritten_step("not yet implemented: step 1.4: mark it"), Some(("1.4", "mark it")));
        assert_eq!(unwritten_step("not yet implemented: step 1.4"), Some(("1.4", "")));
        assert_eq!(unwritten_step("not yet implemented: later"), None);
        assert_eq!(unwritten_step("not yet implemented"), None);
    }
}
