/** The builders of typebox that schemas here are made of; see infra/bundle-libraries.mjs for why not all of them. */
export {
  Array,
  Boolean,
  Enum,
  Integer,
  Literal,
  Number,
  Object,
  Omit,
  Optional,
  Record,
  String,
  Union,
  Unknown,
  Unsafe,
} from 'typebox';
