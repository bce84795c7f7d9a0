//! The length of an inline body, as a number that leaves room for tags.
//!
//! Owns: the numbers from 0 to [`INLINE_CAPACITY`](crate::INLINE_CAPACITY).
//! Always true: eight bytes, the width of a load of the tags around it; the compiler may use all other values as tags.
//! Must not know: the body.

macro_rules! lengths {
    ($($number:literal $name:ident),+ $(,)?) => {
        /// A number from 0 to 64. The compiler knows that no other value occurs, so an enum around it needs no tag of
        /// its own.
        #[derive(Clone, Copy)]
        #[repr(u64)]
        pub(crate) enum InlineLen {
            $($name = $number),+
        }

        impl InlineLen {
            /// `number`, if it is not too large.
            #[inline]
            pub(crate) const fn new(number: usize) -> Option<Self> {
                // The compiler turns this match into one comparison; an array of the variants would be a table look-up.
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

lengths! {
    0 L0, 1 L1, 2 L2, 3 L3, 4 L4, 5 L5, 6 L6, 7 L7, 8 L8, 9 L9, 10 L10,
    11 L11, 12 L12, 13 L13, 14 L14, 15 L15, 16 L16, 17 L17, 18 L18, 19 L19, 20 L20, 21 L21,
    22 L22, 23 L23, 24 L24, 25 L25, 26 L26, 27 L27, 28 L28, 29 L29, 30 L30, 31 L31, 32 L32,
    33 L33, 34 L34, 35 L35, 36 L36, 37 L37, 38 L38, 39 L39, 40 L40, 41 L41, 42 L42, 43 L43,
    44 L44, 45 L45, 46 L46, 47 L47, 48 L48, 49 L49, 50 L50, 51 L51, 52 L52, 53 L53, 54 L54,
    55 L55, 56 L56, 57 L57, 58 L58, 59 L59, 60 L60, 61 L61, 62 L62, 63 L63, 64 L64,
}

impl InlineLen {
    pub(crate) const ZERO: Self = Self::L0;

    /// The number.
    #[inline]
    pub(crate) const fn get(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::INLINE_CAPACITY;

    #[test]
    fn a_length_is_what_it_was_made_of_up_to_the_capacity() {
        for number in 0..=INLINE_CAPACITY {
            let length = InlineLen::new(number).expect("a body as long as this is inline");
            assert_eq!(length.get(), number);
        }
        for number in [INLINE_CAPACITY + 1, 256, 1 << 32, usize::MAX] {
            assert!(InlineLen::new(number).is_none());
        }
    }

    #[test]
    fn there_is_room_for_tags_in_it() {
        assert_eq!(size_of::<InlineLen>(), 8);
        assert_eq!(size_of::<Option<Option<Option<InlineLen>>>>(), 8);
    }
}
