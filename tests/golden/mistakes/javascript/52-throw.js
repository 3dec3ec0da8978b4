function configure(settings) {
  if (!settings.pool) throw new Error("write pool = \"…\" below [settings]");
}

function decide(request, terms) {
  terms.pool = settings.pool;
}
