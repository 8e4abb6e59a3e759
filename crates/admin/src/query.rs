//! Query parameters, strictly: an unknown or repeated one is an error, so that a typo does not pass for a default.

use std::time::Duration;

/// The parameters of a request's query, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query in which only these names may stand, each at most once.
    pub(crate) fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let known = known.join(", ");
                return Err(format!("there is no parameter '{}'; known here: {known}", name.escape_debug()));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(format!("the parameter '{name}' is given twice; give it once"));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A whole number within bounds.
    #[cfg_attr(not(feature = "profiling"), allow(dead_code, reason = "only profiles take numbers"))]
    pub(crate) fn number(&self, name: &str, (least, most): (u32, u32)) -> Result<Option<u32>, String> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(format!("{name}='{}' is no whole number from {least} to {most}", text.escape_debug())),
        }
    }

    /// A time such as `90s`, `10m` or `2h`, of at most a day.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, String> {
        const DAY: u64 = 86_400;
        let Some(text) = self.get(name) else { return Ok(None) };
        let seconds = text
            .char_indices()
            .next_back()
            .and_then(|(at, unit)| Some((text.get(..at)?.parse::<u64>().ok()?, unit)))
            .and_then(|(number, unit)| match unit {
                's' => Some(number),
                'm' => number.checked_mul(60),
                'h' => number.checked_mul(3600),
                _ => None,
            });
        match seconds {
            Some(seconds @ 1..=DAY) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(format!(
                "{name}='{}' is no time from 1s to 24h; write it as 90s, 10m or 2h",
                text.escape_debug()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_known_and_refuses_the_rest() {
        let query = Query::parse(Some("level=info%2Ca%3Ddebug&for=10m"), &["level", "for"]).unwrap();
        assert_eq!(query.get("level"), Some("info,a=debug"));
        assert_eq!(query.duration("for"), Ok(Some(Duration::from_secs(600))));
        assert!(Query::parse(Some("levle=x"), &["level"]).unwrap_err().contains("known here: level"));
        assert!(Query::parse(Some("level=x&level=y"), &["level"]).unwrap_err().contains("twice"));
    }

    #[test]
    fn numbers_and_times_have_bounds() {
        for bad in ["for=", "for=0s", "for=10", "for=25h", "for=1d", "for=-1s", "for=%F0%9F%8C%8D"] {
            assert!(Query::parse(Some(bad), &["for"]).unwrap().duration("for").is_err(), "{bad}");
        }
        let query = Query::parse(Some("n=5"), &["n"]).unwrap();
        assert_eq!(query.number("n", (1, 5)), Ok(Some(5)));
        assert!(query.number("n", (1, 4)).is_err());
        assert_eq!(query.number("m", (1, 4)), Ok(None));
    }
}
