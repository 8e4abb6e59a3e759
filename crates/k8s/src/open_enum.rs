//! Enums that stay readable when the API grows: every one has an `Unknown` arm that keeps the text.
//!
//! A typed LIST fails as a whole when one object holds a value that a closed enum does not know; these never fail.

/// Declares an enum over strings with an `Unknown(String)` arm.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vm:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vm])* $variant,)+
            /// A value that is not known here, as written.
            Unknown(String),
        }

        impl $name {
            /// The values that are known.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// The value as written.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Unknown(text) => text,
                }
            }

            /// Whether the value is not known here.
            pub fn is_unknown(&self) -> bool {
                matches!(self, Self::Unknown(_))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Ok(Self::from(&*text))
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::gateway::TlsMode;

    #[test]
    fn an_unknown_value_survives_a_round_trip() {
        let read: Vec<TlsMode> = serde_json::from_str(r#"["Terminate","Mauve"]"#).unwrap();
        assert_eq!(read, [TlsMode::Terminate, TlsMode::Unknown("Mauve".into())]);
        assert!(read[1].is_unknown() && !read[0].is_unknown());
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["Terminate","Mauve"]"#);
        assert_eq!(TlsMode::KNOWN, ["Terminate", "Passthrough"]);
        assert_eq!(TlsMode::Passthrough.to_string(), "Passthrough");
    }
}
