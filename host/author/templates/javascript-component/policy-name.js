// Assigns set-top boxes, recognized by their vendor class, addresses from a separate pool.

import { encodeOption } from "./lessor.js";

/** The operator's `[settings]` in the sidecar file of the policy. */
let settings;
/** The options of set-top boxes: codes and octets. */
let options;

export const configuring = {
  /** Called once before all hooks. An exception refuses the reload and is shown to the operator. */
  configure(text) {
    settings = JSON.parse(text);
    for (const key of ["vendor-class", "pool"]) {
      if (typeof settings[key] !== "string") throw `write ${key} = "…" below [settings]`;
    }
    // Throws a text about an option that does not exist or takes other values.
    options = Object.entries(settings.options ?? {}).map((option) => encodeOption(...option));
  },
};

function decide(request, terms) {
  const vendorClass = request.vendorClass() ?? "";
  if (vendorClass.startsWith(settings["vendor-class"])) {
    terms.setPool(settings.pool);
    terms.setLeaseTimeSecs(3600);
    for (const { code, value } of options) terms.setOption(code, value);
  }
  return { tag: "proceed" };
}

export const onDiscover = { handle: decide };
/** Called when the client accepts the offer and when it renews: make the same decision. */
export const onRequest = { handle: decide };
