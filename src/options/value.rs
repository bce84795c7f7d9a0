//! Values of options as text.
//!
//! Owns: how plain values are written and read in the table by name.
//! Always true: a printed value reads back as the same value.
//! Must not know: which option has which value.

use std::time::Duration;

use highwater_patterns::{Frame, Message, RoutingId};

use super::hexadecimal::byte_of;

/// A value as text, for the table by name.
pub(crate) trait OptionValue: Sized {
    /// The form of values, for the text of an error.
    const EXPECTED: &'static str;

    fn parse(text: &str) -> Option<Self>;
    fn print(&self) -> String;
}

impl OptionValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for u8 {
    const EXPECTED: &'static str = "a whole number up to 255";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for usize {
    const EXPECTED: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for String {
    const EXPECTED: &'static str = "text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn print(&self) -> String {
        self.clone()
    }
}

/// Durations are written in milliseconds, exactly, with a fraction where they need one.
impl OptionValue for Duration {
    const EXPECTED: &'static str = "milliseconds";

    fn parse(text: &str) -> Option<Self> {
        exact_milliseconds(text).or_else(|| {
            // Another form of a number, such as 1e3.
            let milliseconds: f64 = text.parse().ok()?;
            Self::try_from_secs_f64(milliseconds / 1000.0).ok()
        })
    }

    fn print(&self) -> String {
        let (milliseconds, rest) = (self.as_millis(), self.subsec_nanos() % 1_000_000);
        if rest == 0 {
            return milliseconds.to_string();
        }
        let text = format!("{milliseconds}.{rest:06}");
        text.trim_end_matches('0').to_owned()
    }
}

/// What digits say, perhaps with a point among them: to the nanosecond, which a floating-point number of many milliseconds
/// would not have.
fn exact_milliseconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty()
        || !(whole.bytes().chain(fraction.bytes())).all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let milliseconds: u128 = whole.parse().ok()?;
    let nanos: u32 = format!("{fraction:0<6.6}").parse().ok()?;
    let seconds = u64::try_from(milliseconds / 1000).ok()?;
    let rest = (milliseconds % 1000) as u32 * 1_000_000;
    Some(Duration::new(seconds, rest + nanos))
}

/// Visible ASCII is written as it is, other bytes as `0x` and hexadecimal digits.
impl OptionValue for RoutingId {
    const EXPECTED: &'static str = "1 to 255 bytes, as text or as 0x and hexadecimal digits";

    fn parse(text: &str) -> Option<Self> {
        let bytes = hexadecimal(text).unwrap_or_else(|| text.into());
        Self::new(bytes).ok()
    }

    fn print(&self) -> String {
        let text = std::str::from_utf8(self.as_bytes()).ok();
        text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()) && is_plain(text))
            .map_or_else(|| to_hexadecimal(self.as_bytes()), str::to_owned)
    }
}

/// By name, a message is one frame of text, or its frames as `0x` and hexadecimal digits, with commas between.
impl OptionValue for Message {
    const EXPECTED: &'static str = "text, or frames such as 0x6f6b,0x00";

    fn parse(text: &str) -> Option<Self> {
        let frames: Option<Vec<_>> = text.split(',').map(hexadecimal).collect();
        match frames {
            Some(frames) => {
                Self::from_frames(frames.into_iter().map(Frame::from).collect::<Vec<_>>())
            }
            None => Some(Self::from(text)),
        }
    }

    fn print(&self) -> String {
        match std::str::from_utf8(self.first()) {
            Ok(text) if self.frame_count() == 1 && is_plain(text) => text.to_owned(),
            _ => {
                let frames: Vec<_> = self
                    .frames()
                    .iter()
                    .map(|frame| to_hexadecimal(frame))
                    .collect();
                frames.join(",")
            }
        }
    }
}

/// Whether this text reads back as itself: it is neither the word for no value nor the beginning of bytes.
fn is_plain(text: &str) -> bool {
    text != "none" && !text.starts_with("0x")
}

fn to_hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The bytes that are written so; `None` for any other text.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    digits.chunks(2).map(byte_of).collect()
}

/// The value of an option that may also be `None`.
pub(crate) trait OptionalValue: OptionValue {
    /// The form of values, `none` included.
    const OR_NONE: &'static str;
}

impl OptionalValue for u8 {
    const OR_NONE: &'static str = "a whole number up to 255, or none";
}

impl OptionalValue for usize {
    const OR_NONE: &'static str = "a whole number, or none";
}

impl OptionalValue for String {
    const OR_NONE: &'static str = "text, or none";
}

impl OptionalValue for Duration {
    const OR_NONE: &'static str = "milliseconds, or none";
}

impl OptionalValue for RoutingId {
    const OR_NONE: &'static str =
        "1 to 255 bytes, as text or as 0x and hexadecimal digits; or none";
}

impl OptionalValue for Message {
    const OR_NONE: &'static str = "text, or frames such as 0x6f6b,0x00 (65536 at most); or none";
}

impl<T: OptionalValue> OptionValue for Option<T> {
    const EXPECTED: &'static str = T::OR_NONE;

    fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(None),
            _ => T::parse(text).map(Some),
        }
    }

    fn print(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), T::print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_to_the_nanosecond() {
        for (time, text) in [
            (Duration::ZERO, "0"),
            (Duration::from_nanos(1), "0.000001"),
            (Duration::from_micros(1_500), "1.5"),
            (Duration::new(1 << 53, 1), "9007199254740992000.000001"),
            (Duration::MAX, "18446744073709551615999.999999"),
        ] {
            assert_eq!(time.print(), text);
            assert_eq!(Duration::parse(text), Some(time), "{text}");
        }
        for (text, time) in [
            ("007", Duration::from_millis(7)),
            ("1e3", Duration::from_secs(1)),
            ("0.0000009", Duration::ZERO),
            (".5", Duration::from_micros(500)),
        ] {
            assert_eq!(Duration::parse(text), Some(time), "{text}");
        }
        for text in [
            "",
            ".",
            "-1",
            "1.-5",
            "1.5.5",
            "5ms",
            "inf",
            "NaN",
            "18446744073709551616000",
        ] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn any_bytes_of_an_id_or_a_message_read_back() {
        for bytes in [
            "plain", "none", "0x", "0x41", "it's", "\\", "ö", "a b", "\n", "\u{1}\0",
        ] {
            let id = RoutingId::new(bytes).expect("a good id");
            assert_eq!(
                <Option<RoutingId>>::parse(&Some(id.clone()).print()),
                Some(Some(id))
            );
            for message in [Message::from(bytes), Message::from([bytes, ""])] {
                let text = Some(message.clone()).print();
                assert_eq!(
                    <Option<Message>>::parse(&text),
                    Some(Some(message)),
                    "{text}"
                );
            }
        }
        let id = RoutingId::new([0xff, 0].to_vec()).expect("a good id");
        assert_eq!(id.print(), "0xff00");
        assert_eq!(RoutingId::parse("0xFF00"), Some(id));
        assert_eq!(Message::parse("news"), Some("news".into()));
        assert_eq!(Message::parse("0x,0x61"), Some(["", "a"].into()));
        assert_eq!(
            Message::parse("").map(|message| message.frame_count()),
            Some(1)
        );
        assert_eq!(RoutingId::parse("0x"), None);
        assert_eq!(
            RoutingId::parse("0xf"),
            RoutingId::new("0xf").ok(),
            "it is text"
        );
    }
}
