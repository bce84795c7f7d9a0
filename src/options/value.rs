//! Values of options as text.
//!
//! Owns: how plain values are written and read in the table by name.
//! Always true: a printed value reads back as the same value.
//! Must not know: which option has which value.

use std::time::Duration;

use highwater_patterns::RoutingId;

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

/// Durations are written in milliseconds, with a fraction where they need one.
impl OptionValue for Duration {
    const EXPECTED: &'static str = "milliseconds";

    fn parse(text: &str) -> Option<Self> {
        let milliseconds: f64 = text.parse().ok()?;
        Self::try_from_secs_f64(milliseconds / 1000.0).ok()
    }

    fn print(&self) -> String {
        (self.as_secs_f64() * 1000.0).to_string()
    }
}

impl OptionValue for RoutingId {
    const EXPECTED: &'static str = "1 to 255 bytes";

    fn parse(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
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
    const OR_NONE: &'static str = "1 to 255 bytes, or none";
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
