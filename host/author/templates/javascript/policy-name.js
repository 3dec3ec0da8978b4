// Assigns set-top boxes, recognized by their vendor class, addresses from a separate pool.

/** The operator's `[settings]` in the sidecar file of the policy. */
let settings;

export const configuring = {
  /** Called once before all hooks. An exception refuses the reload and is shown to the operator. */
  configure(text) {
    settings = JSON.parse(text);
    for (const key of ["vendor-class", "pool"]) {
      if (typeof settings[key] !== "string") throw `write ${key} = "…" below [settings]`;
    }
  },
};

function decide(request, terms) {
  const vendorClass = request.vendorClass() ?? "";
  if (vendorClass.startsWith(settings["vendor-class"])) {
    terms.setPool(settings.pool);
    terms.setLeaseTimeSecs(3600);
  }
  return { tag: "proceed" };
}

export const onDiscover = { handle: decide };
/** Called when the client accepts the offer and when it renews: make the same decision. */
export const onRequest = { handle: decide };
