//! The sources of libzmq 4.3.5 under the name and version by which `zmq-sys` asks for 4.3.4.

pub use current::*;
