function decide(request, terms) {
  if (request.vendorClass.starts_with("stb")) terms.pool = "residential";
}
