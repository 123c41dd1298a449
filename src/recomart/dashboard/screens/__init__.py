"""The screens, one file each; `recomart.dashboard.app` lists them."""
