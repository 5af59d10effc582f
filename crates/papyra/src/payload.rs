//! What a fact carries besides its own members: any JSON, kept as text.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, ErrorKind, Result, json};

/// Raw JSON, compact, on one line, at most [`Payload::MAX_DEPTH`] levels deep.
///
/// Numbers keep their text, whatever their size. Any [`Serialize`] goes in with [`Payload::encode`] or [`Payload::of`], any
/// `Deserialize` comes out with [`Payload::decode`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Box<str>);

impl Payload {
    /// How deeply a payload may nest, so that its line stays within the 64 levels that every reader accepts.
    pub const MAX_DEPTH: usize = json::MAX_WRITE_DEPTH - 1;

    /// `null`.
    pub fn null() -> Self {
        Payload("null".into())
    }

    /// `{}`, what an event carries that has nothing to add.
    pub fn empty() -> Self {
        Payload("{}".into())
    }

    /// Serialises a value.
    ///
    /// # Errors
    /// `Invalid` if the value holds NaN or an infinity, nests deeper than [`Payload::MAX_DEPTH`], or refuses to be serialised.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        json::refuse_non_finite(value)
            .map_err(|cause| Error::new(ErrorKind::Invalid, format!("the payload {cause}")))?;
        let text = serde_json::to_string(value)
            .map_err(|e| Error::new(ErrorKind::Invalid, "the payload cannot be serialised").with_source(e))?;
        Payload::from_json(&text)
    }

    /// Serialises a value for a caller that must not fail, such as an actor that is crashing: a value that
    /// [`encode`](Payload::encode) refuses becomes `{"unencodable":"why"}`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Payload::encode(value)
            .unwrap_or_else(|error| Payload(serde_json::json!({ "unencodable": error.to_string() }).to_string().into()))
    }

    /// Takes JSON text; spaces between its parts go, everything else stays as it is.
    ///
    /// # Errors
    /// `Invalid` if the text is not JSON or nests deeper than [`Payload::MAX_DEPTH`].
    pub fn from_json(text: &str) -> Result<Self> {
        json::compact(text, Self::MAX_DEPTH)
            .map(|text| Payload(text.into()))
            .map_err(|cause| Error::new(ErrorKind::Invalid, format!("the payload {cause}")))
    }

    /// Text that the codec has already checked.
    pub(crate) fn trusted(text: impl Into<Box<str>>) -> Self {
        Payload(text.into())
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Reads the JSON as a value.
    ///
    /// # Errors
    /// `Invalid` if the JSON does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0)
            .map_err(|e| Error::new(ErrorKind::Invalid, "the payload does not have the wanted shape").with_source(e))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_json_cannot_hold_is_refused_before_it_becomes_null() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Payload::encode(&vec![bad]).unwrap_err().kind(), ErrorKind::Invalid);
            assert!(Payload::of(&bad).as_json().contains("unencodable"));
        }
        assert_eq!(Payload::encode(&Some(1.5_f32)).unwrap().as_json(), "1.5");
    }

    #[test]
    fn depth_is_limited_where_it_is_written() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(Payload::from_json(&nested(Payload::MAX_DEPTH)).is_ok());
        assert!(Payload::from_json(&nested(Payload::MAX_DEPTH + 1)).is_err());
        assert!(Payload::from_json(&nested(100_000)).is_err());
    }

    #[test]
    fn text_is_kept_and_spaces_go() {
        let payload = Payload::from_json("{ \"a b\" : [ 1.50 , 12345678901234567890123 ] }").unwrap();
        assert_eq!(payload.as_json(), r#"{"a b":[1.50,12345678901234567890123]}"#);
    }
}
