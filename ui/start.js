/**
 * Starts the page, and says so where it could not be started.
 */

import("./main.js").catch((error) => {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById("start-failure"));
  document.body.replaceChildren(template.content.cloneNode(true));
  console.error(error);
});
