//! Parts of a description: constants, or made at run time.

use alloc::sync::Arc;
use core::ops::Deref;

/// A part of a description: a constant, or made at run time.
#[derive(Debug)]
pub enum Shared<T: ?Sized + 'static> {
    /// Part of a registered option.
    Registered(&'static T),
    /// Part of a declared option.
    Declared(Arc<T>),
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Registered(found) => found,
            Self::Declared(found) => found,
        }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Registered(found) => Self::Registered(found),
            Self::Declared(found) => Self::Declared(Arc::clone(found)),
        }
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq> Eq for Shared<T> {}
