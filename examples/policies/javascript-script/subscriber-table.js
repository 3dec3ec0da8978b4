// The subscriber table defines what each line gets. Other lines go to the walled garden.

const GARDEN = { pool: "walled-garden", "lease-time-secs": 60 };
const KEYS = [
  "pool", "address", "lease-time-secs", "options", "leases-max", "beyond", "blocked", "refused",
];

function configure(settings) {
  if (!settings.lines) throw 'there are no lines: write [settings.lines."<circuit id>"]';
  for (const [name, line] of Object.entries(settings.lines)) {
    const unknown = Object.keys(line).find((key) => !KEYS.includes(key));
    if (unknown) throw `line ${name}: there is no setting ${unknown}`;
    if (line.address && !isAddress(line.address)) throw `line ${name}: address is ${line.address}`;
    const beyond = line.beyond ?? "refuse";
    if (!["refuse", "replace-oldest"].includes(beyond)) throw `line ${name}: beyond is ${beyond}`;
  }
}

function decide(request, terms) {
  const name = request.circuitId;
  const line = settings.lines[name] ?? GARDEN;
  // Later policies must not lead out of the garden.
  if (line === GARDEN) terms.setFinal();
  if (line.blocked) return ignore(`line ${name} is blocked`);
  if (line.refused) return refuse(`line ${name} is refused`);
  if (request.kind !== "inform") {
    if (line.pool) terms.pool = line.pool;
    if (line.address) terms.address = line.address;
    if (line["lease-time-secs"]) terms.leaseTimeSecs = line["lease-time-secs"];
    if (line["leases-max"]) terms.subscriber(name, line["leases-max"], line.beyond ?? "refuse");
  }
  for (const [option, value] of Object.entries(line.options ?? {})) terms.option(option, value);
}
