// Assigns set-top boxes, recognized by their vendor class, addresses from a separate pool.

// Called once before all hooks. An exception refuses the reload and is shown to the operator.
function configure(settings) {
  for (const key of ["vendor-class", "pool"]) {
    if (typeof settings[key] !== "string") throw `write ${key} = "…" below [settings]`;
  }
}

// Called for a DISCOVER and for a REQUEST: when a client accepts an offer and when it renews.
function decide(request, terms) {
  const vendorClass = request.vendorClass ?? "";
  if (vendorClass.startsWith(settings["vendor-class"])) {
    terms.pool = settings.pool;
    terms.leaseTimeSecs = 3600;
    for (const [name, value] of Object.entries(settings.options ?? {})) terms.option(name, value);
  }
}
