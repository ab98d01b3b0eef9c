/**
 * Files that are dragged over the window: where they can be dropped is shown, and nowhere else does a drop do
 * anything.
 */

/**
 * @param {HTMLElement} target lies over where files can be dropped, and is shown while they can
 * @param {() => boolean} canTake
 * @param {(files: File[]) => void} take
 */
export function installFileDrop(target, canTake, take) {
  const end = () => {
    target.hidden = true;
  };
  window.addEventListener("dragover", (event) => {
    const isTaken = hasFiles(event) && canTake();
    target.hidden = !isTaken;
    // Text can be dragged into a field.
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = isTaken ? "copy" : "none";
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) end();
  });
  window.addEventListener("drop", (event) => {
    end();
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (canTake()) take([...(event.dataTransfer?.files ?? [])]);
  });
}

/** @param {DragEvent} event */
function hasFiles({ dataTransfer }) {
  return dataTransfer?.types.includes("Files") ?? false;
}
