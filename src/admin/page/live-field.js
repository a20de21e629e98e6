/** A field of a form that follows the balancer, until the operator changes it. */

/**
 * @param {HTMLInputElement | HTMLSelectElement} field
 * @param {() => void} [onShown] the field has another value than before
 */
export function createLiveField(field, onShown = () => {}) {
  let changed = false;
  let last = field.value;
  field.addEventListener('input', () => {
    // What was changed back is as the balancer had it last, so there is nothing to keep.
    changed = field.value !== last;
    onShown();
  });
  return {
    get value() {
      return field.value;
    },
    /** @param {string} value as the balancer has it */
    show(value) {
      last = value;
      if (changed || field.value === value) return;
      field.value = value;
      onShown();
    },
    /** What was entered holds now: the field follows again. */
    release() {
      changed = false;
    },
  };
}
