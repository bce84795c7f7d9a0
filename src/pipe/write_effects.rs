//! The effects of a write to a pipe on which the socket must act.
//!
//! Owns: the names of these things, a bit each.
//! Always true: a write with no bit set has queued its message and leaves nothing to do.
//! Must not know: what is done about an effect.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of effects, of one write or of several. A pipe gives a set with each write; the table of a socket gathers
/// those that the socket acts on.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct WriteEffects(u8);

impl WriteEffects {
    /// The message is queued, and there is nothing to do.
    pub(crate) const NONE: Self = Self(0);
    /// The message was not queued, and is as it was.
    pub(crate) const REFUSED: Self = Self(1 << 0);
    /// The pipe has begun to hold messages that its socket flushes before it waits for input.
    pub(crate) const UNFLUSHED: Self = Self(1 << 1);
    /// The sender holds the batch as a draft: its socket has to collect that draft later.
    pub(crate) const DRAFTED: Self = Self(1 << 2);
    /// The pipe holds more bytes than its soft mark, and its peer takes some: a sender that may wait does so.
    pub(crate) const OVER_SOFT_MARK: Self = Self(1 << 3);
    /// This is a forked child and the connection belongs to its parent: the message was refused.
    pub(crate) const FOREIGN: Self = Self(1 << 4 | Self::REFUSED.0);
    /// The socket has closed a pipe within the process, or has lost the peer of one.
    pub(crate) const CLOSED: Self = Self(1 << 5);
    /// A send has found no room, so the socket is mute; the next send that succeeds ends that.
    pub(crate) const MUTED: Self = Self(1 << 6);

    /// Whether there is none.
    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `these` are among them.
    #[inline]
    pub(crate) const fn contains(self, these: Self) -> bool {
        self.0 & these.0 == these.0
    }

    /// These, if `condition` holds; else none.
    #[inline]
    pub(crate) const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }
}

impl BitOr for WriteEffects {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for WriteEffects {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for WriteEffects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(WriteEffects, &str); 7] = [
            (WriteEffects::REFUSED, "REFUSED"),
            (WriteEffects::UNFLUSHED, "UNFLUSHED"),
            (WriteEffects::DRAFTED, "DRAFTED"),
            (WriteEffects::OVER_SOFT_MARK, "OVER_SOFT_MARK"),
            (WriteEffects::FOREIGN, "FOREIGN"),
            (WriteEffects::CLOSED, "CLOSED"),
            (WriteEffects::MUTED, "MUTED"),
        ];
        let set = NAMES.iter().filter(|(effect, _)| self.contains(*effect));
        f.debug_set().entries(set.map(|(_, name)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [WriteEffects; 7] = [
        WriteEffects::REFUSED,
        WriteEffects::UNFLUSHED,
        WriteEffects::DRAFTED,
        WriteEffects::OVER_SOFT_MARK,
        WriteEffects::FOREIGN,
        WriteEffects::CLOSED,
        WriteEffects::MUTED,
    ];

    #[test]
    fn each_effect_has_a_bit_of_its_own_and_only_a_foreign_connection_implies_another() {
        for (at, one) in ALL.into_iter().enumerate() {
            assert!(!one.is_empty() && one.contains(WriteEffects::NONE));
            for (other_at, other) in ALL.into_iter().enumerate() {
                let implied = (one, other) == (WriteEffects::FOREIGN, WriteEffects::REFUSED);
                assert_eq!(one.contains(other), at == other_at || implied);
            }
        }
        assert!(WriteEffects::NONE.is_empty());
    }

    #[test]
    fn effects_are_gathered_in_one_set() {
        let mut both = WriteEffects::UNFLUSHED | WriteEffects::CLOSED.when(false);
        both |= WriteEffects::MUTED.when(true);
        assert!(both.contains(WriteEffects::UNFLUSHED) && both.contains(WriteEffects::MUTED));
        assert!(!both.contains(WriteEffects::CLOSED));
        assert!(!both.contains(WriteEffects::CLOSED | WriteEffects::MUTED));
        assert_eq!(both | WriteEffects::NONE, both);
    }

    #[test]
    fn effects_are_shown_by_name() {
        assert_eq!(format!("{:?}", WriteEffects::NONE), "{}");
        let two = WriteEffects::OVER_SOFT_MARK | WriteEffects::UNFLUSHED;
        assert_eq!(format!("{two:?}"), r#"{"UNFLUSHED", "OVER_SOFT_MARK"}"#);
    }
}
