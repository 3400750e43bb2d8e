// Follows the reader's preference for dark colours.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () =>
  document.body.setAttribute("data-md-color-scheme", dark.matches ? "slate" : "default");
dark.addEventListener("change", follow);
follow();
