//! ZeroMQ-style messaging. (Under construction.)
