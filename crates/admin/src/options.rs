//! What can be set about the admin server.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::surface::PATHS;

/// Settings of an [`crate::AdminServer`].
#[derive(Clone, Debug)]
pub struct AdminOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// What a client that is not on this machine must show for the paths that are not open.
    pub token: Option<Token>,
    /// Paths that anybody may ask; each is one of [`PATHS`].
    pub open: Vec<String>,
    /// For a request to arrive: head and body, each; also how long an idle connection is kept.
    pub read_timeout: Duration,
    /// For a client to take the next piece of an answer.
    pub write_timeout: Duration,
    /// Connections at a time; one more is answered 503 and closed.
    pub max_connections: usize,
    /// For answers in progress when the server is told to end.
    pub drain_timeout: Duration,
}

impl AdminOptions {
    /// The defaults: no token, `/metrics` and the probes open, 10 s to read and to write, 128 connections, 5 s to end.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            token: None,
            open: PATHS.iter().filter(|path| path.open).map(|path| path.path.to_owned()).collect(),
            read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_connections: 128,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// A bearer token (RFC 6750). `Debug` never shows it.
#[derive(Clone)]
pub struct Token(Box<str>);

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too short to be a secret.
    #[error(
        "the admin token has {0} characters; it needs at least 16, for example from `openssl rand -hex 16`"
    )]
    Short(usize),
    /// A character that a header cannot carry.
    #[error("the admin token has a character other than A-Z a-z 0-9 - . _ ~ + / = (RFC 6750 section 2.1)")]
    Character,
}

impl Token {
    /// A token; white space around it, such as the last line feed of a file, does not count.
    ///
    /// # Errors
    /// When it is shorter than 16 characters or a header cannot carry it.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
            return Err(TokenError::Character);
        }
        if text.len() < 16 {
            return Err(TokenError::Short(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// Whether `given` is the token. The time it takes does not depend on where they differ.
    pub(crate) fn matches(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_fits_a_header() {
        assert_eq!(Token::new("short").unwrap_err(), TokenError::Short(5));
        assert_eq!(Token::new("0123456789abcdef 0").unwrap_err(), TokenError::Character);
        let token = Token::new("0123456789abcdef\n").unwrap();
        assert!(token.matches(b"0123456789abcdef"));
        assert!(
            !token.matches(b"0123456789abcdeg") && !token.matches(b"0123456789abcde") && !token.matches(b"")
        );
        assert_eq!(format!("{token:?}"), "Token(redacted)");
    }
}
