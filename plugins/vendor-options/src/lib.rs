//! Sets options by vendor class (option 60), for example for set-top boxes, IP phones and access
//! points. The first class that matches decides; a device without a matching class is not affected.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use lessor_policy::{OptionTable, Policy, Request, Terms, Verdict, policy, settings};
use serde::Deserialize;

struct VendorOptions {
    classes: Vec<Class>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    classes: Vec<Class>,
}

/// A class of devices with its pool and options.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Class {
    /// The beginning of the vendor class, case-sensitive.
    begins_with: String,
    pool: Option<String>,
    #[serde(default)]
    options: OptionTable,
}

#[policy]
impl Policy for VendorOptions {
    fn configure(settings: &str) -> Result<Self, String> {
        let Settings { classes } = settings::read(settings)?;
        for (position, class) in classes.iter().enumerate() {
            if class.begins_with.is_empty() {
                return Err(format!(
                    "class {}: begins-with is empty; write the beginning of the vendor class",
                    position + 1
                ));
            }
            // The first match decides, so a class after a shorter one would never match.
            let earlier = classes.iter().take(position);
            if let Some(shadow) =
                earlier.into_iter().find(|other| class.begins_with.starts_with(&other.begins_with))
            {
                return Err(format!(
                    "class {:?} never matches, because the earlier {:?} matches the same devices; \
                     put it first",
                    class.begins_with, shadow.begins_with
                ));
            }
        }
        Ok(Self { classes })
    }

    fn on_discover(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_request(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }

    fn on_inform(&mut self, request: &Request, terms: &Terms) -> Verdict {
        self.decide(request, terms)
    }
}

impl VendorOptions {
    fn decide(&self, request: &Request, terms: &Terms) -> Verdict {
        let Some(vendor_class) = request.vendor_class() else { return Verdict::Proceed };
        let Some(class) =
            self.classes.iter().find(|class| vendor_class.starts_with(&class.begins_with))
        else {
            return Verdict::Proceed;
        };
        if let Some(pool) = &class.pool {
            terms.set_pool(pool);
        }
        match class.options.set_on(terms) {
            Ok(()) => Verdict::Proceed,
            Err((code, error)) => Verdict::ignore(format!("option {code}: {error}")),
        }
    }
}
