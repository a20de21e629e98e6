/** A field of a form that follows the balancer, until the operator changes it. */

/**
 * @param {HTMLInputElement | HTMLSelectElement} field
 * @param {() => void} [onShown] the field has another value than before
 */
export function createLiveField(field, onShown = () => {}) {
  let changed = false;
  field.addEventListener('input', () => {
    changed = true;
    onShown();
  });
  return {
    get value() {
      return field.value;
    },
    /** @param {string} value as the balancer has it */
    show(value) {
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
