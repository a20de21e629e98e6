/** Making and changing elements. Text only ever goes in as text, so nothing that is shown can become markup. */

/**
 * The element of this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * A new element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Sets a text where it differs: a text that stays is neither drawn again nor read out again.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Sets an attribute, or takes it away where the value is undefined.
 * @param {Element} element
 * @param {string} name
 * @param {string | undefined} value
 */
export function setAttribute(element, name, value) {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Sets how far a bar is filled.
 * @param {HTMLElement} part
 * @param {number} share 0 … 1
 */
export function setShare(part, share) {
  part.style.setProperty('--share', `${(Math.min(1, Math.max(0, share)) * 100).toFixed(1)}%`);
}

/**
 * Where the focus is on a button in here: gives it back if it gets lost meanwhile, as by moving the button. If that one is gone
 * or hidden, the parent has it: whoever works by keyboard isn't thrown back to the top of the page, and a second Enter does
 * nothing to another one's neighbour. The page stays where it was scrolled to.
 * @param {HTMLElement} parent
 * @returns {() => void} to be called when all has changed
 */
function holdFocus(parent) {
  const from = document.activeElement;
  if (!(from instanceof HTMLButtonElement) || !parent.contains(from)) return () => {};
  return () => {
    const to = from.isConnected && !from.hidden ? from : parent;
    if (to !== document.activeElement) to.focus({ preventScroll: true });
  };
}

/**
 * A row of elements that follows a list: an item keeps its element, and with it the focus, as long as its key stays.
 * @template Item
 * @template {{ readonly root: HTMLElement }} View
 */
export class KeyedList {
  #parent;
  #make;
  #update;
  /** @type {Map<string, View>} */
  #views = new Map();

  /**
   * @param {HTMLElement} parent
   * @param {(item: Item) => View} make
   * @param {(view: View, item: Item) => void} update
   */
  constructor(parent, make, update) {
    this.#parent = parent;
    this.#make = make;
    this.#update = update;
  }

  /**
   * @param {readonly Item[]} items
   * @param {(item: Item) => string} keyOf
   */
  show(items, keyOf) {
    const giveFocus = holdFocus(this.#parent);
    const keys = new Set(items.map(keyOf));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.root.remove();
      this.#views.delete(key);
    }
    /** @type {HTMLElement | undefined} */
    let previous;
    for (const item of items) {
      const key = keyOf(item);
      let view = this.#views.get(key);
      if (view === undefined) this.#views.set(key, (view = this.#make(item)));
      this.#update(view, item);
      // Moved only where it stands wrong: moving an element takes the focus away from it.
      if (previous === undefined ? this.#first() !== view.root : previous.nextElementSibling !== view.root) {
        if (previous === undefined) this.#parent.insertBefore(view.root, this.#first());
        else previous.after(view.root);
      }
      previous = view.root;
    }
    giveFocus();
  }

  /** The first element of ours; others, such as a table's head, may stand before it. */
  #first() {
    const ours = new Set([...this.#views.values()].map((view) => view.root));
    return [...this.#parent.children].find((child) => ours.has(/** @type {HTMLElement} */ (child))) ?? null;
  }
}
