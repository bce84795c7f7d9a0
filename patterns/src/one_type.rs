//! The rules of one socket type, for a caller that knows the type of its socket.
//!
//! Owns: the way from a [`Pattern`] to the rules of its type.
//! Must not know: the rules of any type.

use crate::{
    Dealer, Pair, Pattern, Pub, Pull, Push, Rep, Req, Router, SocketType, Sub, XPub, XSub,
};

/// The rules of one socket type, for the calls that only this type has.
pub trait OneType: Sized {
    /// The type.
    const KIND: SocketType;

    /// The rules in `pattern`; `None` if it is of another type.
    fn of(pattern: &Pattern) -> Option<&Self>;

    /// As [`OneType::of`], mutable.
    fn of_mut(pattern: &mut Pattern) -> Option<&mut Self>;
}

macro_rules! one_type {
    ($($name:ident)+) => {$(
        impl OneType for $name {
            const KIND: SocketType = SocketType::$name;

            #[inline]
            fn of(pattern: &Pattern) -> Option<&Self> {
                match pattern {
                    Pattern::$name(rules) => Some(rules),
                    _ => None,
                }
            }

            #[inline]
            fn of_mut(pattern: &mut Pattern) -> Option<&mut Self> {
                match pattern {
                    Pattern::$name(rules) => Some(rules),
                    _ => None,
                }
            }
        }
    )+};
}

one_type! { Pair Pub Sub Req Rep Dealer Router Pull Push XPub XSub }

impl Pattern {
    /// The rules of type `R`, for a caller that knows the type of its socket.
    ///
    /// # Panics
    ///
    /// If the socket is of another type. A caller that cannot know asks [`OneType::of`].
    #[inline]
    #[track_caller]
    pub fn rules<R: OneType>(&self) -> &R {
        match R::of(self) {
            Some(rules) => rules,
            None => another_type(R::KIND, self.kind()),
        }
    }

    /// As [`Pattern::rules`], mutable.
    ///
    /// # Panics
    ///
    /// If the socket is of another type. A caller that cannot know asks [`OneType::of_mut`].
    #[inline]
    #[track_caller]
    pub fn rules_mut<R: OneType>(&mut self) -> &mut R {
        let found = self.kind();
        match R::of_mut(self) {
            Some(rules) => rules,
            None => another_type(R::KIND, found),
        }
    }
}

/// Panics: a handle of one type holds a socket of another type. No call makes such a handle.
#[cold]
#[inline(never)]
#[track_caller]
fn another_type(asked: SocketType, found: SocketType) -> ! {
    panic!("a {asked} handle on a {found} socket")
}
