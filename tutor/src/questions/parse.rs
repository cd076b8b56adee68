//! The form of a question's file.
//!
//! ```text
//! # Question                      one line, between the marks by which the chapter includes it
//! <!-- ANCHOR: question -->
//! What happens?
//! <!-- ANCHOR_END: question -->
//!
//! # Answer                        Markdown: what a good answer says; never shown before the learner's own
//!
//! # Built                         one paragraph: what stands now; shown when the phase is green
//! ```
//!
//! Everything above the first heading, and HTML comments on lines of their own, are for authors and for mdBook.

use anyhow::{Result, ensure};

/// A parsed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// One line.
    pub question: String,
    /// Markdown.
    pub answer: String,
    /// One paragraph.
    pub built: String,
}

/// In the order of the file.
const SECTIONS: [&str; 3] = ["Question", "Answer", "Built"];

impl Question {
    /// Parses a file.
    ///
    /// # Errors
    ///
    /// A section is missing, unknown, out of order, or longer than it may be.
    pub fn parse(text: &str) -> Result<Self> {
        let mut bodies: Vec<String> = Vec::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("# ") {
                let due = SECTIONS.get(bodies.len());
                ensure!(due == Some(&heading.trim()), "`{line}` is not the section that comes here: {}", due_is(due));
                bodies.push(String::new());
            } else if let Some(body) = bodies.last_mut().filter(|_| !line.starts_with("<!--")) {
                body.push_str(line);
                body.push('\n');
            }
        }
        for (at, section) in SECTIONS.iter().enumerate() {
            ensure!(bodies.get(at).is_some_and(|body| !body.trim().is_empty()), "there is no `# {section}`");
        }
        let [question, answer, built] = [0, 1, 2].map(|at| bodies[at].trim().to_owned());
        ensure!(question.lines().count() == 1, "the question is one line: the chapter includes it within a sentence");
        ensure!(!built.contains("\n\n"), "`# Built` is one paragraph");
        Ok(Self { question, answer, built })
    }
}

fn due_is(section: Option<&&str>) -> String {
    section.map_or_else(|| String::from("there is none after the last"), |section| format!("`# {section}` is due"))
}

#[cfg(test)]
mod tests {
    use super::Question;

    const FILE: &str = "\
For authors.

# Question

<!-- ANCHOR: question -->
Why?
<!-- ANCHOR_END: question -->

# Answer

Because.

```text
 # not a heading
```

# Built

A thing
of two lines.
";

    #[test]
    fn a_file_has_three_sections() {
        let parsed = Question::parse(FILE).expect("the file is well formed");
        assert_eq!(parsed.question, "Why?");
        assert_eq!(parsed.answer, "Because.\n\n```text\n # not a heading\n```");
        assert_eq!(parsed.built, "A thing\nof two lines.");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |from: &str, to: &str| Question::parse(&FILE.replace(from, to)).expect_err(to).to_string();
        assert_eq!(error("A thing\nof two lines.", ""), "there is no `# Built`");
        assert_eq!(error("# Built", ""), "there is no `# Built`");
        assert_eq!(error("# Answer", "# Anser"), "`# Anser` is not the section that comes here: `# Answer` is due");
        assert!(error("of two lines.", "\n# More\nof it").contains("none after the last"));
        assert!(error("Why?", "Why?\nAnd how?").contains("one line"));
        assert!(error("of two lines.", "\nTwo paragraphs.").contains("one paragraph"));
    }
}
