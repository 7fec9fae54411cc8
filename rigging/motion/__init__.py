"""Motion and poses from files onto a character: BVH, SMPL-X and AMASS clips, retargeting, planted feet."""
