//! Reception and corridor: one request comes in, is led through the rooms in order, and one response goes out.

pub(crate) mod exchange;
pub(crate) mod respond;
pub(crate) mod serve;
pub(crate) mod tries;
pub(crate) mod upgrade;
