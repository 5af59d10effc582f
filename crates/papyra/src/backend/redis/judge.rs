//! What an entry is: a sealed fact of ours, a fact of another program, or damage.

use super::page::Raw;
use crate::{
    Fact, Kind,
    codec::{self, Form, Signature},
};

/// What an entry is.
#[derive(Debug)]
pub(super) enum Is<'a> {
    /// A fact that we wrote, or a spool.
    Signed(Signature<'a>, &'a [u8]),
    /// A fact without our signature: the Python Papyra's, say.
    Legacy(Box<Fact>),
    /// No fact, and why.
    Damaged(String),
}

impl Is<'_> {
    /// Kind and time of a fact.
    pub(super) fn head(&self) -> Option<(Kind, f64)> {
        match self {
            Is::Signed(signature, _) => Some((signature.head.kind, signature.head.timestamp)),
            Is::Legacy(fact) => Some((fact.kind(), fact.timestamp().seconds())),
            Is::Damaged(_) => None,
        }
    }

    /// The fact; `None` if there is none after all.
    pub(super) fn fact(self) -> Option<Fact> {
        match self {
            Is::Signed(_, line) => codec::decode(std::str::from_utf8(line).ok()?, Form::Lenient).ok(),
            Is::Legacy(fact) => Some(*fact),
            Is::Damaged(_) => None,
        }
    }
}

/// Judges an entry. With `deep` a sealed fact is decoded, too.
pub(super) fn judge(raw: &Raw, deep: bool) -> Is<'_> {
    let Some(data) = raw.data() else { return Is::Damaged("it has no field `data`".to_owned()) };
    let decode = || {
        let text = std::str::from_utf8(data).map_err(|_| "it is not UTF-8".to_owned())?;
        codec::decode(text, Form::Lenient).map_err(|cause| cause.into_owned())
    };
    let sealed = codec::is_sealed(data).is_some();
    if sealed && let Some(signature) = codec::signature(data) {
        return match deep.then(decode) {
            Some(Err(cause)) => Is::Damaged(cause),
            _ => Is::Signed(signature, data),
        };
    }
    if !sealed && codec::was_sealed(data) {
        return Is::Damaged("its checksum is wrong".to_owned());
    }
    match decode() {
        Ok(fact) => Is::Legacy(Box::new(fact)),
        Err(cause) => Is::Damaged(cause),
    }
}
