//! Finds the lines of fields in a YAML text, so that an error can name one.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser};

/// The line of every field of one document.
pub(crate) struct Lines(HashMap<String, u64>);

impl Lines {
    /// Walks the text once. What cannot be parsed has no lines.
    pub(crate) fn of(text: &str) -> Self {
        let mut walk = Walk { stack: Vec::new(), lines: HashMap::new() };
        for next in Parser::new_from_str(text) {
            let Ok((event, span)) = next else { break };
            let line = u64::try_from(span.start.line()).unwrap_or(1);
            match event {
                Event::Scalar(value, ..) => walk.scalar(&value, line),
                Event::Alias(_) => walk.scalar("", line),
                Event::MappingStart(..) => walk.open(Level::Map { key: None }, line),
                Event::SequenceStart(..) => walk.open(Level::Sequence { next: 0 }, line),
                Event::MappingEnd | Event::SequenceEnd => walk.close(),
                _ => {}
            }
        }
        Self(walk.lines)
    }

    /// The line (from 1) of the field at `path`, such as `spec.rules[0].name`, or of its nearest written parent.
    pub(crate) fn line(&self, path: &str) -> u64 {
        let plain = path.replace('[', ".").replace(']', "");
        let mut part = plain.strip_prefix('.').unwrap_or(&plain);
        loop {
            if let Some(line) = self.0.get(part) {
                return *line;
            }
            match part.rsplit_once('.') {
                Some((parent, _)) => part = parent,
                None => return self.0.get("").copied().unwrap_or(1),
            }
        }
    }
}

enum Level {
    Map { key: Option<String> },
    Sequence { next: usize },
}

struct Walk {
    stack: Vec<Level>,
    lines: HashMap<String, u64>,
}

impl Walk {
    /// A scalar: a key of a map, or a value.
    fn scalar(&mut self, text: &str, line: u64) {
        if let Some(Level::Map { key: key @ None }) = self.stack.last_mut() {
            *key = Some(text.to_owned());
            self.note(line);
            return;
        }
        self.note(line);
        self.step();
    }

    fn open(&mut self, level: Level, line: u64) {
        self.note(line);
        self.stack.push(level);
    }

    fn close(&mut self) {
        self.stack.pop();
        self.step();
    }

    /// A value is complete: what comes next in its parent is another one.
    fn step(&mut self) {
        match self.stack.last_mut() {
            Some(Level::Map { key }) => *key = None,
            Some(Level::Sequence { next }) => *next += 1,
            None => {}
        }
    }

    /// Keeps the first line of a path: that of the key, not of a value on the next line.
    fn note(&mut self, line: u64) {
        let mut path = String::new();
        for level in &self.stack {
            if !path.is_empty() {
                path.push('.');
            }
            match level {
                Level::Map { key } => path.push_str(key.as_deref().unwrap_or_default()),
                Level::Sequence { next } => path.push_str(&next.to_string()),
            }
        }
        self.lines.entry(path).or_insert(line);
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    const TEXT: &str = "# words\nkind: X\nmetadata:\n  annotations:\n    a.b/c: 'x'\nspec:\n  rules:\n  - name: one\n    \
                        list: [1, 2]\n  - name: two\n    port: 3\n";

    #[test]
    fn fields_are_found_and_missing_ones_lead_to_their_parent() {
        let lines = Lines::of(TEXT);
        let cases = [
            ("", 2),
            ("kind", 2),
            ("metadata.annotations.a.b/c", 5),
            ("spec.rules[0].name", 8),
            ("spec.rules[0].list[1]", 9),
            ("spec.rules[1]", 10),
            ("spec.rules[1].port", 11),
            ("spec.rules[1].absent.deep", 10),
            ("spec.rules[7]", 7),
            ("nothing", 2),
        ];
        for (path, line) in cases {
            assert_eq!(lines.line(path), line, "{path}");
        }
    }
}
