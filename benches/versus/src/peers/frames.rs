//! ZMTP frames for the floors: laid out one behind the other in a buffer, and found in one. No handshake, no allocation.

/// Bytes in a batch, and in the buffer of a reader.
pub(super) const BATCH: usize = 64 * 1024;
/// From this size a body is written from where it is.
pub(super) const LARGE: usize = 32 * 1024;

/// Whether `out` holds no room for a frame with `body` any more, and is to be written first.
pub(super) fn is_full_for(out: &[u8], body: &[u8]) -> bool {
    out.len() + 9 + body.len().min(LARGE) > BATCH
}

/// Appends a frame with `body` to `out`; of a large body only what stands before it.
pub(super) fn put(out: &mut Vec<u8>, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(length) => out.extend_from_slice(&[0, length]),
        Err(_) => {
            out.push(2);
            out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    if body.len() < LARGE {
        out.extend_from_slice(body);
    }
}

/// What has been read and not parsed yet.
pub(super) struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The length of the body that has begun, and how much of it is missing.
    body: Option<(usize, usize)>,
}

impl Input {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; BATCH],
            start: 0,
            end: 0,
            body: None,
        }
    }

    /// Skips the next message; the length of its body, once all of it has been read.
    pub(super) fn next(&mut self) -> Option<usize> {
        let (length, missing) = match self.body {
            Some(begun) => begun,
            None => {
                let length = match self.buffer[self.start..self.end] {
                    [0, length, ..] => {
                        self.start += 2;
                        usize::from(length)
                    }
                    [2, a, b, c, d, e, f, g, h, ..] => {
                        self.start += 9;
                        let length = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                        usize::try_from(length).unwrap_or(usize::MAX)
                    }
                    _ => return None,
                };
                (length, length)
            }
        };
        let here = missing.min(self.end - self.start);
        self.start += here;
        if missing == here {
            self.body = None;
            return Some(length);
        }
        self.body = Some((length, missing - here));
        None
    }

    /// Where to read to: behind what is there, after moving that to the front.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// `read` bytes were read to [`space`](Self::space).
    pub(super) fn filled(&mut self, read: usize) {
        self.end += read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_again_however_they_are_cut() {
        let lengths = [0, 1, 255, 256, 70_000, 16];
        let mut bytes = Vec::new();
        for length in lengths {
            let body = vec![b'.'; length];
            put(&mut bytes, &body);
            if length >= LARGE {
                bytes.extend_from_slice(&body);
            }
        }
        for cut in [1, 7, 1000, BATCH] {
            let mut input = Input::new();
            let mut found = Vec::new();
            let mut left = &bytes[..];
            while !left.is_empty() {
                let space = input.space();
                let read = left.len().min(cut).min(space.len());
                space[..read].copy_from_slice(&left[..read]);
                input.filled(read);
                left = &left[read..];
                found.extend(std::iter::from_fn(|| input.next()));
            }
            assert_eq!(found, lengths, "{cut} bytes at a time");
        }
    }
}
