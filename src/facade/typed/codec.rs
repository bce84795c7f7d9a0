//! Codecs: a value as bytes, and back.

use std::error::Error;
use std::fmt;

#[cfg(any(
    feature = "json",
    feature = "postcard",
    feature = "msgpack",
    feature = "cbor"
))]
use super::NamedCodec;
use crate::error::in_one_line;

/// A way to write a `T` as bytes and to read it back.
///
/// ```
/// use highwater::typed::{Codec, CodecError};
///
/// /// Whole numbers in four bytes.
/// struct BigEndian;
///
/// impl Codec<u32> for BigEndian {
///     type Error = CodecError;
///
///     fn encode(value: &u32, into: &mut Vec<u8>) -> Result<(), CodecError> {
///         into.extend(value.to_be_bytes());
///         Ok(())
///     }
///
///     fn decode(body: &[u8]) -> Result<u32, CodecError> {
///         body.try_into().map(u32::from_be_bytes).map_err(CodecError::new)
///     }
/// }
/// ```
pub trait Codec<T> {
    /// Why a value is not encoded, or a body is no value.
    type Error: Error + Send + Sync + 'static;

    /// Appends `value` to `into`.
    ///
    /// # Errors
    ///
    /// The value cannot be written in this way.
    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// The value that is the whole of `body`.
    ///
    /// # Errors
    ///
    /// The body is no such value, or more than one.
    fn decode(body: &[u8]) -> Result<T, Self::Error>;
}

/// Why a codec of this crate did not encode or decode. It says what the error of the codec's own crate says;
/// [`get_ref`](Self::get_ref) is that error.
///
/// Such an error may quote what a peer has sent. So its text is shown in one line, with control and format characters
/// escaped, and after 200 characters its length is shown instead of the rest.
pub struct CodecError(Box<dyn Error + Send + Sync>);

impl CodecError {
    /// An error with this cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// The cause, such as a `serde_json::Error`, as `downcast_ref` finds it.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// Bytes are left behind the value.
    #[cfg(any(feature = "postcard", feature = "msgpack", feature = "cbor"))]
    fn of_rest(len: usize) -> Result<(), Self> {
        match len {
            0 => Ok(()),
            _ => Err(Self::new(format!("{len} bytes are left behind the value"))),
        }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_one_line(&self.0.to_string()))
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecError({self})")
    }
}

impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // `Display` shows the cause already.
        self.0.source()
    }
}

/// JSON, as text without spaces (feature `json`).
#[cfg(feature = "json")]
#[derive(Debug, Clone, Copy)]
pub enum Json {}

#[cfg(feature = "json")]
impl NamedCodec for Json {
    const NAME: &'static str = "json";
}

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Json {
    type Error = CodecError;

    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        serde_json::to_writer(into, value).map_err(CodecError::new)
    }

    fn decode(body: &[u8]) -> Result<T, CodecError> {
        serde_json::from_slice(body).map_err(CodecError::new)
    }
}

/// Postcard: short, and not self-describing: both ends need the same type (feature `postcard`).
#[cfg(feature = "postcard")]
#[derive(Debug, Clone, Copy)]
pub enum Postcard {}

#[cfg(feature = "postcard")]
impl NamedCodec for Postcard {
    const NAME: &'static str = "postcard";
}

#[cfg(feature = "postcard")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Postcard {
    type Error = CodecError;

    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        let written = postcard::to_extend(value, std::mem::take(into)).map_err(CodecError::new)?;
        *into = written;
        Ok(())
    }

    fn decode(body: &[u8]) -> Result<T, CodecError> {
        let (value, rest) = postcard::take_from_bytes(body).map_err(CodecError::new)?;
        CodecError::of_rest(rest.len())?;
        Ok(value)
    }
}

/// MessagePack; structs are maps with the names of their fields, so that fields can come and go (feature `msgpack`).
#[cfg(feature = "msgpack")]
#[derive(Debug, Clone, Copy)]
pub enum Msgpack {}

#[cfg(feature = "msgpack")]
impl NamedCodec for Msgpack {
    const NAME: &'static str = "msgpack";
}

#[cfg(feature = "msgpack")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Msgpack {
    type Error = CodecError;

    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        rmp_serde::encode::write_named(into, value).map_err(CodecError::new)
    }

    fn decode(body: &[u8]) -> Result<T, CodecError> {
        let mut rest = body;
        let value = rmp_serde::from_read(&mut rest).map_err(CodecError::new)?;
        CodecError::of_rest(rest.len())?;
        Ok(value)
    }
}

/// CBOR (RFC 8949); structs are maps with the names of their fields (feature `cbor`).
#[cfg(feature = "cbor")]
#[derive(Debug, Clone, Copy)]
pub enum Cbor {}

#[cfg(feature = "cbor")]
impl NamedCodec for Cbor {
    const NAME: &'static str = "cbor";
}

#[cfg(feature = "cbor")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Cbor {
    type Error = CodecError;

    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), CodecError> {
        ciborium::into_writer(value, into).map_err(|error| CodecError::new(error.to_string()))
    }

    fn decode(body: &[u8]) -> Result<T, CodecError> {
        let mut rest = body;
        let value =
            ciborium::from_reader(&mut rest).map_err(|error| CodecError::new(error.to_string()))?;
        CodecError::of_rest(rest.len())?;
        Ok(value)
    }
}
