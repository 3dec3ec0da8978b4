// Set-top boxes, known by their vendor class, get addresses from a pool of their own.

// Called once, before anything else. What is thrown refuses the reload and is shown to the operator.
function configure(settings) {
  for (const key of ["vendor-class", "pool"]) {
    if (typeof settings[key] !== "string") throw `write ${key} = "…" below [settings]`;
  }
}

// Asked when a client looks for an offer, when it takes one and when it renews.
function decide(request, terms) {
  const vendorClass = request.vendorClass ?? "";
  if (vendorClass.startsWith(settings["vendor-class"])) {
    terms.pool = settings.pool;
    terms.leaseTimeSecs = 3600;
  }
}
