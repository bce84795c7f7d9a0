//! Reads a recorded session: `wire.txt` for the bytes, `frames.txt` for what they mean.

use std::fs;
use std::path::PathBuf;

use highwater_patterns::SocketType;

/// One recorded session.
pub(super) struct Recording {
    /// In the order in which they were seen.
    pub(super) chunks: Vec<Chunk>,
    pub(super) streams: Vec<Stream>,
}

/// Bytes that were read at once.
pub(super) struct Chunk {
    connection: String,
    pub(super) side: char,
    pub(super) bytes: Vec<u8>,
}

/// All that one side of one connection wrote.
pub(super) struct Stream {
    pub(super) connection: String,
    /// `C` connected, `B` was bound.
    pub(super) side: char,
    pub(super) bytes: Vec<u8>,
    /// At least one.
    pub(super) lines: Vec<Line>,
}

/// One frame, or the greeting, as the recorder's parser describes it.
pub(super) struct Line {
    pub(super) offset: usize,
    pub(super) text: String,
}

/// The sessions of a mechanism other than NULL whose names begin like this.
pub(super) fn names_of(mechanism: &str) -> Vec<String> {
    all_names()
        .into_iter()
        .filter(|name| name.starts_with(mechanism))
        .collect()
}

/// The sessions that NULL over a byte stream can replay.
pub(super) fn names() -> impl Iterator<Item = String> {
    const OTHERS: [&str; 5] = ["curve-", "plain-", "ws-", "draft-", "stream-raw"];
    all_names()
        .into_iter()
        .filter(|name| !OTHERS.iter().any(|other| name.starts_with(other)))
}

fn all_names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("tests/vectors is part of the repository")
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("ascii")
        })
        .filter(|name| !name.contains('.') || name.starts_with("version-"))
        .collect();
    names.sort();
    names
}

pub(super) fn recording(name: &str) -> Recording {
    let read = |file| {
        let path = folder().join(name).join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let chunks: Vec<Chunk> = read("wire.txt").lines().filter_map(chunk).collect();
    let mut streams: Vec<Stream> = Vec::new();
    for line in read("frames.txt").lines() {
        let [connection, side, offset, text] = words(line);
        let is_side =
            |stream: &Stream| stream.connection == connection && side.starts_with(stream.side);
        let index = streams.iter().position(is_side).unwrap_or_else(|| {
            streams.push(stream(connection, side, &chunks));
            streams.len() - 1
        });
        streams[index].lines.push(Line {
            offset: offset.parse().expect("a number"),
            text: text.to_owned(),
        });
    }
    Recording { chunks, streams }
}

impl Recording {
    pub(super) fn stream(&self, connection: u32, side: char) -> &Stream {
        let connection = connection.to_string();
        let is_it = |stream: &&Stream| stream.connection == connection && stream.side == side;
        self.streams
            .iter()
            .find(is_it)
            .expect("the session has this stream")
    }

    /// The other direction of the same connection.
    pub(super) fn opposite(&self, stream: &Stream) -> Option<&Stream> {
        self.streams
            .iter()
            .find(|other| other.connection == stream.connection && other.side != stream.side)
    }
}

impl Stream {
    /// The value of a property of this side's metadata.
    pub(super) fn property(&self, name: &str) -> Option<Vec<u8>> {
        let introduces = |line: &Line| {
            // Of sealed metadata there is more before the first property.
            let (_, said) = [" READY ", " INITIATE "]
                .iter()
                .find_map(|command| line.text.split_once(command))?;
            Some(said.to_owned())
        };
        let properties = self.lines.iter().take(3).find_map(introduces)?;
        properties.split(' ').find_map(|property| {
            let (key, value) = property.split_once('=')?;
            key.eq_ignore_ascii_case(name)
                .then(|| match value.strip_prefix("0x") {
                    Some(digits) => unhex(digits),
                    None => value.as_bytes().to_vec(),
                })
        })
    }

    pub(super) fn socket_type(&self) -> Option<SocketType> {
        SocketType::from_name(&self.property("Socket-Type")?)
    }

    /// The frame that `line` describes, whole.
    pub(super) fn frame(&self, line: &Line) -> &[u8] {
        let is_long = self.bytes[line.offset] & 2 != 0;
        let (_, rest) = line.text.split_once(" len=").expect("a frame");
        let len: usize = rest
            .split(' ')
            .next()
            .and_then(|len| len.parse().ok())
            .expect("a length");
        let header_len = if is_long { 9 } else { 2 };
        &self.bytes[line.offset..line.offset + header_len + len]
    }

    /// The body of the frame that `line` describes.
    pub(super) fn body(&self, line: &Line) -> &[u8] {
        let frame = self.frame(line);
        if frame[0] & 2 != 0 {
            &frame[9..]
        } else {
            &frame[2..]
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    assert!(pairs.remainder().is_empty(), "{digits}");
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ascii");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// `CONNECTION SIDE MILLISECONDS HEX`, or `None` for an end of stream.
fn chunk(line: &str) -> Option<Chunk> {
    let [connection, side, _, digits] = words(line);
    (digits != "EOF").then(|| Chunk {
        connection: connection.to_owned(),
        side: side.chars().next().expect("a letter"),
        bytes: unhex(digits),
    })
}

fn stream(connection: &str, side: &str, chunks: &[Chunk]) -> Stream {
    let side = side.chars().next().expect("a letter");
    let bytes = chunks
        .iter()
        .filter(|chunk| chunk.connection == connection && chunk.side == side)
        .flat_map(|chunk| chunk.bytes.iter().copied())
        .collect();
    Stream {
        connection: connection.to_owned(),
        side,
        bytes,
        lines: Vec::new(),
    }
}

/// The first three words and the rest.
fn words(line: &str) -> [&str; 4] {
    let mut words = line.splitn(4, ' ');
    std::array::from_fn(|_| words.next().expect("four words"))
}
