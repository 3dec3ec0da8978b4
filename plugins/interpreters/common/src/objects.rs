//! Every object of the script API.

use crate::{
    Object,
    capabilities::{METRICS, STATE, TABLES},
    lease_event::EVENT,
    lookup::{LOOKUP, PLAN},
    reply::REPLY,
    request::REQUEST,
    terms::TERMS,
};

/// Every object.
pub static OBJECTS: [&Object; 9] =
    [&REQUEST, &TERMS, &REPLY, &EVENT, &PLAN, &LOOKUP, &METRICS, &STATE, &TABLES];
