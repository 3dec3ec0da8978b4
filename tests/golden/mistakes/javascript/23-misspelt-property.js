function decide(request, terms) {
  const vendor = request.vendorClas ?? "";
  if (vendor.startsWith("stb")) terms.pool = "residential";
}
