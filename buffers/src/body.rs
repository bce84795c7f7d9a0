//! A body whose buffer comes back.
//!
//! Owns: the moment of a body's last use.
//! Always true: the bytes of a body do not change.
//! Must not know: what happens to the buffer afterwards.

use bytes::Bytes;

/// The first `len` bytes of `buffer`, as a body. When the last user drops it, `keep` gets `buffer`, on the thread of
/// that user. So `keep` should be quick.
///
/// ```
/// use std::sync::mpsc;
///
/// let (sender, receiver) = mpsc::channel();
/// let body = highwater_buffers::body(vec![7; 100], 60, move |buffer| drop(sender.send(buffer)));
/// let part = body.slice(10..20);
/// drop(body);
/// assert!(receiver.try_recv().is_err(), "a part of it is used");
/// drop(part);
/// assert_eq!(receiver.try_recv(), Ok(vec![7; 100]));
/// ```
///
/// # Panics
///
/// If `buffer` is shorter than `len`.
pub fn body(buffer: Vec<u8>, len: usize, keep: impl FnOnce(Vec<u8>) + Send + 'static) -> Bytes {
    assert!(len <= buffer.len(), "a body is a part of its buffer");
    Bytes::from_owner(Body {
        buffer,
        len,
        keep: Some(keep),
    })
}

struct Body<K: FnOnce(Vec<u8>)> {
    buffer: Vec<u8>,
    len: usize,
    /// `None` only during the drop.
    keep: Option<K>,
}

impl<K: FnOnce(Vec<u8>)> AsRef<[u8]> for Body<K> {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl<K: FnOnce(Vec<u8>)> Drop for Body<K> {
    fn drop(&mut self) {
        if let Some(keep) = self.keep.take() {
            keep(std::mem::take(&mut self.buffer));
        }
    }
}
