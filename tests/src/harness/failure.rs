//! How a check says that something does not hold.

use std::time::Instant;

use crate::Observed;
use crate::harness::story::shorten;

/// Longest `expected` that fits behind the last line of a story.
const EXPECTED_CHARS: usize = 60;

/// Why a check ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The node did something else than it should.
    Failed {
        /// What was seen; hints are keyed by it.
        observed: Observed,
        /// What was due instead, in a few concrete words.
        expected: String,
        /// When: what happens later has come of the check's end.
        at: Instant,
    },
    /// This machine cannot say.
    Skipped {
        /// What is missing.
        why: String,
    },
}

impl Failure {
    /// A failure; `expected` is cut to what one line of a terminal holds.
    pub fn new(observed: Observed, expected: impl AsRef<str>) -> Self {
        Self::failed(observed, expected.as_ref(), Instant::now())
    }

    fn failed(observed: Observed, expected: &str, at: Instant) -> Self {
        Self::Failed { observed, expected: shorten(expected, EXPECTED_CHARS), at }
    }

    /// Neither passed nor failed: this machine lacks something.
    pub fn skip(why: impl Into<String>) -> Self {
        Self::Skipped { why: why.into() }
    }

    /// What was seen, unless the check was skipped.
    pub fn observed(&self) -> Option<Observed> {
        match self {
            Self::Failed { observed, .. } => Some(*observed),
            Self::Skipped { .. } => None,
        }
    }
}

/// Fails unless `holds`.
///
/// # Errors
///
/// `observed` with `expected`, if it does not hold.
pub fn ensure(holds: bool, observed: Observed, expected: impl AsRef<str>) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(observed, expected)) }
}

/// Lets a check say what a general failure means at the place where it happened.
pub trait Judge<T>: Sized {
    /// Any failure is `observed`, and `expected` was due. A skip stays a skip.
    ///
    /// # Errors
    ///
    /// As before, renamed.
    fn judged(self, observed: Observed, expected: impl AsRef<str>) -> Result<T, Failure>;

    /// A failure that was seen as `general` is `special` here; others pass unchanged.
    ///
    /// # Errors
    ///
    /// As before, renamed.
    fn seen_as(self, general: Observed, special: Observed) -> Result<T, Failure>;

    /// The same observation, but `expected` says it better.
    ///
    /// # Errors
    ///
    /// As before, with another text.
    fn expecting(self, expected: impl AsRef<str>) -> Result<T, Failure>;
}

impl<T> Judge<T> for Result<T, Failure> {
    fn judged(self, observed: Observed, expected: impl AsRef<str>) -> Result<T, Failure> {
        self.map_err(|failure| match failure {
            Failure::Failed { at, .. } => Failure::failed(observed, expected.as_ref(), at),
            skipped => skipped,
        })
    }

    fn seen_as(self, general: Observed, special: Observed) -> Result<T, Failure> {
        self.map_err(|failure| match failure {
            Failure::Failed { observed, expected, at } if observed == general => {
                Failure::Failed { observed: special, expected, at }
            }
            other => other,
        })
    }

    fn expecting(self, expected: impl AsRef<str>) -> Result<T, Failure> {
        self.map_err(|failure| match failure {
            Failure::Failed { observed, at, .. } => Failure::failed(observed, expected.as_ref(), at),
            skipped => skipped,
        })
    }
}
