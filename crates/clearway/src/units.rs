//! Values with units on the command line: times, sizes, shares, headers.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

/// `1h30m`, `10s`, `250ms` (GEP-2257, plus milliseconds as it has them).
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    clearway_k8s::parse_duration(text)
        .map_err(|error| format!("{error}; write a time such as 250ms, 10s or 5m"))
}

/// `65536`, `64KiB`, `16MiB`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (number, shift) = units
        .iter()
        .find_map(|(unit, shift)| text.strip_suffix(unit).map(|number| (number, *shift)))
        .unwrap_or((text, 0));
    let number: usize =
        number.trim().parse().map_err(|_| "write bytes, such as 65536, 64KiB or 16MiB".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "more bytes than there can be".to_owned())
}

/// A share from 0 to 1.
pub(crate) fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("write a share from 0 (none) to 1 (all), such as 0.01 for one in a hundred".into()),
    }
}

/// `name=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write name=value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// `name: value`.
pub(crate) fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write name: value")?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|error| error.to_string())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_nonsense_is_refused() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("soon").is_err());
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("7"), Ok(7));
        assert!(size("64kb").is_err());
        assert_eq!(ratio("0.5"), Ok(0.5));
        assert!(ratio("50").is_err());
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(header("x y: 1").is_err());
    }
}
