//! The sources of libzmq 4.3.5 under the name and version by which `zmq-sys` asks for 4.3.4.
//!
//! `zmq-sys` names no libsodium, and so gets a libzmq without CURVE; with the feature `curve` it gets one with libsodium.

#[cfg(not(feature = "curve"))]
pub use current::*;
#[cfg(feature = "curve")]
pub use with_curve::Build;

#[cfg(feature = "curve")]
mod with_curve {
    use current::LibLocation;

    /// What `zmq-sys` calls, in the order in which it does.
    #[derive(Debug, Default)]
    pub struct Build(current::Build);

    impl Build {
        /// As [`current::Build::new`].
        pub fn new() -> Self {
            Self::default()
        }

        /// Takes the libsodium of this build, whatever is asked for.
        pub fn with_libsodium(&mut self, _asked: Option<LibLocation>) -> &mut Self {
            let here = LibLocation::new(env!("SODIUM_LIB"), env!("SODIUM_INCLUDE"));
            self.0.with_libsodium(Some(here));
            self
        }

        /// As [`current::Build::build`].
        pub fn build(&mut self) {
            self.0.build();
        }
    }
}
