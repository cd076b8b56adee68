//! What each command does, a file each.

pub mod ask;
pub mod bench;
pub mod borrow;
pub mod chat;
pub mod clients;
pub mod compare;
pub mod debrief;
pub mod generate;
pub mod hint;
pub mod kafka;
pub mod links;
pub mod list;
pub mod phase;
pub mod play;
pub mod repeat;
pub mod reset;
pub mod save;
pub mod setup;
pub mod test;
pub mod watch;

use anyhow::Result;
use serde_json::Value;

use crate::Ended;
use crate::cli::{Args, Command};
use crate::project::Project;
use crate::screen::terminal;
use crate::verify;

/// Runs a command to its end.
///
/// # Errors
///
/// Usage or environment: whatever keeps it from having a verdict.
pub fn run(args: Args) -> Result<Ended> {
    let project = Project::find()?;
    let json = args.json;
    match args.command {
        None => list::next(&project, json),
        Some(Command::Phase(args)) if args.repeat > 1 => repeat::run(&project, &args, json),
        Some(Command::Phase(args)) => phase::run(&project, &args, json),
        Some(Command::Hint(args)) => hint::run(&project, args.phase, json),
        Some(Command::List) => list::run(&project, json),
        Some(Command::Reset(args)) => reset::run(&project, args.phase, json),
        Some(Command::Compare(args)) => compare::run(&project, &args, json),
        Some(Command::Ask(args)) => ask::run(&project, &args, json),
        Some(Command::Debrief(args)) => debrief::run(&project, &args, json),
        Some(Command::Borrow(args)) => borrow::run(&project, args.phase, borrow::From::Reference, json),
        Some(Command::Return(args)) => borrow::run(&project, args.phase, borrow::From::Learner, json),
        Some(Command::Watch(args)) => watch::run(&project, args.phase, json),
        Some(Command::Chat(args)) => chat::run(&args),
        Some(Command::Play(args)) => play::run(&project, &args),
        Some(Command::Kafka(args)) => kafka::run(&project, &args, json),
        Some(Command::Bench(args)) => bench::run(&project, &args.args),
        Some(Command::Soak(args)) => bench::soak(&project, &args),
        Some(Command::Clients(args)) => clients::run(&project, &args, json),
        Some(Command::Verify(args)) => verify::run(&project, &args, json),
        Some(Command::Generate(args)) => generate::run(&project, args.check, json),
        Some(Command::Setup) => setup::run(&project, json),
        Some(Command::Test) => test::run(&project, json),
    }
}

/// Prints `value` as the one document of `--json`, or the screen.
fn answer(json: bool, value: &Value, screen: &str) {
    if json {
        terminal::show(&format!("{value}\n"));
    } else {
        terminal::show(screen);
    }
}
