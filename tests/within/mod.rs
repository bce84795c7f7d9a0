//! The same cases within the process, for those that need neither a raw peer nor a lost connection.

/// Makes a test over inproc of each function; the function is given a [`Place`](crate::support::Place).
macro_rules! within_the_process {
    ($($case:ident),+ $(,)?) => {
        mod within_the_process {
            $(
                #[test]
                fn $case() {
                    crate::support::must_end(stringify!($case), || {
                        super::$case(&crate::support::Place::new(highwater::Transport::Inproc));
                    });
                }
            )+
        }
    };
}
