"""Images and segments behind what students decide: galleries, patches, explanations, photos."""
